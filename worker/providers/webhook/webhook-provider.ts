import type { WebhookSettings } from "../../../core/tenants/tenant.ts";
import type { GuardedDispatcher } from "../../delivery/guarded-dispatcher.ts";
import { postWebhook } from "../../delivery/post-webhook.ts";
import type { CallProvider, InterceptRequest } from "../call-provider.ts";

export interface WebhookProviderOptions {
  settings: Pick<WebhookSettings, "url" | "secrets">;
  target: GuardedDispatcher;
  attemptTimeoutMs: number;
  now: () => number;
}

/**
 * Has the tenant's own endpoint move the call: `verification.confirmed`, signed by Standard Webhooks (PROTOCOL §5).
 * Every attempt has the same id and body, so that a repeat is harmless and a lost answer is `retryable`, never `unknown`.
 */
export function createWebhookProvider(options: WebhookProviderOptions): CallProvider {
  const { settings, target, attemptTimeoutMs, now } = options;
  return {
    async redirectCall(request) {
      const delivery = await postWebhook(target, {
        url: settings.url,
        secrets: settings.secrets,
        id: `msg_${request.sessionId}`,
        body: confirmedMessage(request),
        correlationId: request.correlationId,
        timeoutMs: attemptTimeoutMs,
        signal: request.signal,
        now,
      });
      return delivery.outcome === "delivered" ? { outcome: "redirected" } : delivery;
    },
    lookUpCall: async () => "unknown",
    close: async () => {},
  };
}

/** `timestamp` is when it happened, not when it is sent (Standard Webhooks, "Payload structure"): retries are equal. */
function confirmedMessage(request: InterceptRequest): string {
  const { sessionId, callId, provider, metadata, receipt } = request;
  const data = { sessionId, callId, provider, status: "confirmed", metadata, receipt };
  return JSON.stringify({ type: "verification.confirmed", timestamp: request.confirmedAt, data });
}
