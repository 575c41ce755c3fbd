import { signRequest } from "../sign-request.ts";
import type { HttpMethod } from "../twiml/twiml.ts";
import type { OutgoingRequest } from "./send-once.ts";

export interface RequestToSign {
  url: string;
  method: HttpMethod;
  parameters: Record<string, string>;
  idempotencyToken: string;
}

/**
 * The HTTP request of a webhook: parameters in the form body of a POST or the query of a GET, signature over exactly
 * the URL that is requested. User info in the URL travels as Basic credentials and stays in the signed text, as in
 * Twilio's published vectors. Undefined when the URL is not absolute HTTP(S).
 */
export function signedRequest(webhook: RequestToSign, authToken: string): OutgoingRequest | undefined {
  if (!URL.canParse(webhook.url)) return undefined;
  const target = new URL(webhook.url);
  if (target.protocol !== "http:" && target.protocol !== "https:") return undefined;
  const form = new URLSearchParams(webhook.parameters).toString();
  const isGet = webhook.method === "GET";
  const url = isGet && form !== "" ? `${webhook.url}${webhook.url.includes("?") ? "&" : "?"}${form}` : webhook.url;
  return {
    method: webhook.method,
    url: url.replace(/^(https?:\/\/)[^/?#@]*@/i, "$1"),
    headers: {
      accept: "*/*",
      "user-agent": "TwilioProxy/1.1 (Callseal sandbox)",
      "x-twilio-signature": signRequest(authToken, url, isGet ? {} : webhook.parameters),
      "i-twilio-idempotency-token": webhook.idempotencyToken,
      ...(isGet ? {} : { "content-type": "application/x-www-form-urlencoded; charset=UTF-8" }),
      ...basicCredentials(target),
    },
    ...(isGet ? {} : { body: form }),
  };
}

function basicCredentials(target: URL): Record<string, string> {
  if (target.username === "") return {};
  const pair = `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}
