import { createHash, createHmac } from "node:crypto";

/** Form parameters as they are posted; a repeated key has several values. */
export type SignedParameters = Readonly<Record<string, string | readonly string[]>>;

/**
 * The `X-Twilio-Signature` of a request: base64 of HMAC-SHA1, keyed with the auth token, over the URL followed by each
 * form parameter in key order, name then value. A repeated key counts once per distinct value, in sorted order. A GET
 * and a JSON body have no parameters; the URL, query included, is all that is signed.
 * Source: https://www.twilio.com/docs/usage/security#validating-requests
 *
 * The URL is signed as given: its fragment never travels and must be gone already.
 */
export function signRequest(authToken: string, url: string, parameters: SignedParameters = {}): string {
  const text = Object.keys(parameters)
    .sort()
    .reduce((signed, name) => signed + signedPair(name, parameters[name] ?? ""), url);
  return createHmac("sha1", authToken).update(text, "utf8").digest("base64");
}

/** The lower-case hex SHA-256 of a body that is not a form: Twilio puts it into the query as `bodySHA256`, and signs that URL. */
export function hashBody(body: string | Uint8Array): string {
  return createHash("sha256").update(body).digest("hex");
}

function signedPair(name: string, value: string | readonly string[]): string {
  if (typeof value === "string") return name + value;
  return [...new Set(value)]
    .sort()
    .map((item) => name + item)
    .join("");
}
