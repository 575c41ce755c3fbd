import type { GatewayContext } from "../gateway-context.ts";

/**
 * Records that a limit refused a tenant's requests: the first refusal of a window, since a client that does not stop
 * would else write a flood of events. The caller's answer does not wait for it.
 */
export function recordRateLimit(
  context: GatewayContext,
  refusal: {
    tenant: string;
    correlationId: string;
    session?: { sessionId: string; callId: string; provider: string };
    data: { limit: string } & Record<string, unknown>;
  },
): void {
  context.background.run("event.append", () => context.events.append({ type: "rate_limited", ...refusal }));
}
