import type { GuardedDispatcher } from "./guarded-dispatcher.ts";
import { parseRetryAfter } from "./parse-retry-after.ts";
import { type FailedExchange, sendRequest } from "./send-request.ts";
import { signWebhook } from "./sign-webhook.ts";

export interface WebhookDelivery {
  url: string;
  /** `whsec_…`, newest first; every one signs. */
  secrets: readonly string[];
  /** The same on every retry of this message. */
  id: string;
  /** JSON, byte for byte as it is signed. */
  body: string;
  correlationId: string;
  timeoutMs: number;
  signal?: AbortSignal;
  now?: () => number;
}

export type DeliveryOutcome =
  | { outcome: "delivered" }
  | { outcome: "rejected"; detail: string }
  | { outcome: "retryable"; detail: string; retryAfterMs?: number };

const retryableStatus = new Set([408, 425, 429]);

/**
 * Posts one signed webhook and never throws. 2xx is delivered; 408, 425, 429, 5xx and everything that ends without an
 * answer is retryable, because the receiver drops a repeat by its id; any other answer, redirects included, is rejected
 * (PROTOCOL §5).
 */
export async function postWebhook(target: GuardedDispatcher, delivery: WebhookDelivery): Promise<DeliveryOutcome> {
  const now = delivery.now ?? Date.now;
  const url = URL.canParse(delivery.url) ? new URL(delivery.url) : undefined;
  if (url === undefined || !isAllowedScheme(url, target)) return { outcome: "rejected", detail: "insecure_url" };
  const signed = trySigning(delivery, now());
  if (signed === undefined) return { outcome: "rejected", detail: "malformed_secret" };
  const exchange = await sendRequest(target.dispatcher, {
    url,
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json",
      "user-agent": "Callseal",
      "x-correlation-id": delivery.correlationId,
      ...signed,
    },
    body: delivery.body,
    timeoutMs: delivery.timeoutMs,
    until: "status",
    ...(delivery.signal === undefined ? {} : { signal: delivery.signal }),
  });
  if (exchange.kind === "failed") return outcomeOfFailure(exchange);
  const { status, headers } = exchange;
  if (status >= 200 && status < 300) return { outcome: "delivered" };
  const detail = `http_${status}`;
  if (status < 500 && !retryableStatus.has(status)) return { outcome: "rejected", detail };
  const retryAfterMs = parseRetryAfter(headers["retry-after"], now());
  return { outcome: "retryable", detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function isAllowedScheme(url: URL, target: GuardedDispatcher): boolean {
  return url.protocol === "https:" || (url.protocol === "http:" && target.allowInsecureTargets);
}

function trySigning(delivery: WebhookDelivery, timestampMs: number): Record<string, string> | undefined {
  try {
    return signWebhook({ id: delivery.id, timestampMs, body: delivery.body, secrets: delivery.secrets });
  } catch {
    return undefined;
  }
}

function outcomeOfFailure({ reason }: FailedExchange): DeliveryOutcome {
  const hopeless = reason === "blocked_address" || reason === "invalid_request";
  return { outcome: hopeless ? "rejected" : "retryable", detail: reason };
}
