import type { Dispatcher } from "undici";
import type { NiceSettings } from "../../../core/tenants/tenant.ts";
import { parseRetryAfter } from "../../delivery/parse-retry-after.ts";
import { sendRequest } from "../../delivery/send-request.ts";
import { type TokenResult, tokenAnswer } from "./access-token.ts";

/** A login may last longer than one attempt; the attempts that wait for it give up on their own. */
const LOGIN_TIMEOUT_MS = 5000;

export interface FetchAccessTokenOptions {
  settings: Extract<NiceSettings, { mode: "direct" }>;
  dispatcher: Dispatcher;
  now: () => number;
}

/**
 * Exchanges a CXone access key for a bearer token: `POST {tokenUrl}` with JSON `{ accessKeyId, accessKeySecret }`
 * (https://developer.niceincontact.com/Documentation/UserHubGettingStarted). Never rejects: nothing has been signalled
 * when it fails, so that its failures are `retryable`, or `rejected` when the key itself is refused.
 */
export async function fetchAccessToken(options: FetchAccessTokenOptions): Promise<TokenResult> {
  const { accessKeyId, accessKeySecret, tokenUrl } = options.settings;
  const exchange = await sendRequest(options.dispatcher, {
    url: new URL(tokenUrl),
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", "user-agent": "Callseal" },
    body: JSON.stringify({ accessKeyId, accessKeySecret }),
    timeoutMs: LOGIN_TIMEOUT_MS,
  });
  if (exchange.kind === "failed") return retryable(`token_${exchange.reason}`);
  const { status, headers, body } = exchange;
  if (status === 429 || status >= 500) {
    return retryable(`token_http_${status}`, parseRetryAfter(headers["retry-after"], options.now()));
  }
  if (status < 200 || status >= 300) return { outcome: { outcome: "rejected", detail: `token_http_${status}` } };
  const answer = parseToken(body);
  if (answer === undefined) return retryable("token_malformed");
  return { token: answer.access_token, lifetimeSeconds: answer.expires_in };
}

function parseToken(body: string) {
  try {
    return tokenAnswer.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

function retryable(detail: string, retryAfterMs?: number): TokenResult {
  return { outcome: { outcome: "retryable", detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) } };
}
