import { validateRequest, validateRequestWithBody } from "twilio/lib/webhooks/webhooks.js";

/** What the signature covers besides the URL: the form's fields, or a JSON body whose hash is in the URL. */
export type SignedContent =
  | { params: Readonly<Record<string, unknown>>; rawBody?: never }
  | {
      /** As received, decoded from UTF-8. */
      rawBody: string;
      params?: never;
    };

export type TwilioSignatureInput = SignedContent & {
  /** The account's auth tokens; any of them may have signed, so that a token can be rotated. */
  authTokens: readonly string[];
  /** The `X-Twilio-Signature` header; anything but one string is a bad signature. */
  signature: unknown;
  /** The public URL that Twilio asked, query included: the configured origin and the path as received, never `Host`. */
  url: string;
};

/** HMAC-SHA1 is 20 bytes: 27 characters of base64 and one `=`. Anything else is not worth six HMACs a token. */
const signatureShape = /^[A-Za-z0-9+/]{27}=$/;

/**
 * Whether a webhook was signed by Twilio with one of the account's tokens
 * (https://www.twilio.com/docs/usage/security#validating-requests). The official helper does the work for each token,
 * so every spelling of the URL that it accepts is accepted here (as received and normalised, with and without the
 * port, with the query re-encoded), each compared in constant time. A URL fragment is not signed and is dropped.
 *
 * Never throws: whatever is malformed is a `false`. The signature carries neither time nor nonce, so a repeated
 * request is valid again; idempotency has to come from the state behind it.
 */
export function verifyTwilioSignature(input: TwilioSignatureInput): boolean {
  const { authTokens, signature } = input;
  if (typeof signature !== "string" || !signatureShape.test(signature)) return false;
  const url = input.url.replace(/#.*$/s, "");
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return false;
  // An empty key would let anybody sign.
  const tokens = authTokens.filter((token) => token !== "");
  const { rawBody } = input;
  if (rawBody !== undefined) {
    return tokens.some((token) => validateRequestWithBody(token, signature, url, rawBody));
  }
  const params = signedParams(input.params);
  return params !== undefined && tokens.some((token) => validateRequest(token, signature, url, params));
}

/** The fields, if each is a text or a list of texts: Twilio sends no other, and the helper would stringify them. */
function signedParams(params: Readonly<Record<string, unknown>>): Record<string, string | string[]> | undefined {
  const signed: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of Object.entries(params)) {
    const isText =
      typeof value === "string" || (Array.isArray(value) && value.every((item) => typeof item === "string"));
    if (!isText) return undefined;
    signed[name] = value;
  }
  return signed;
}
