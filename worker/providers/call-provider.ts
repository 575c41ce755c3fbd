import type { ProviderName } from "../../core/tenants/tenant.ts";

/**
 * What became of one attempt to move the call (PROTOCOL §5). `detail` is a short stable word or a provider's code, such
 * as `timed_out` or `twilio_21220`: never a URL, a body, a receipt or a credential, so that it may be logged and kept.
 */
export type InterceptOutcome =
  | { outcome: "redirected"; detail?: string }
  | { outcome: "call_ended"; detail?: string }
  /** Will not succeed however often it is repeated: our bug, credentials or configuration. */
  | { outcome: "rejected"; detail: string }
  /** Certainly not done, or harmless to repeat: may be repeated at once, after `retryAfterMs` when it is given. */
  | { outcome: "retryable"; detail: string; retryAfterMs?: number }
  /** May have been done: look the call up before repeating. */
  | { outcome: "unknown"; detail: string };

/** `unknown` when the provider has no such question, or did not answer it; the intercept may then be repeated, because the success handler is idempotent. */
export type CallLiveness = "live" | "ended" | "unknown";

export interface InterceptRequest {
  tenantId: string;
  sessionId: string;
  callId: string;
  provider: ProviderName;
  metadata: Record<string, string>;
  /** The gateway's origin: `CALLSEAL_PUBLIC_URL`, or that of the gateway which created the session. */
  origin: string;
  /** The signed receipt (PROTOCOL §2), for the tenant's side. */
  receipt: string;
  /** ISO 8601, UTC. */
  confirmedAt: string;
  correlationId: string;
  /** Ends the attempt early: `retryable` when nothing had been sent, else as after a time-out. */
  signal: AbortSignal;
  /** From 1. */
  attempt: number;
}

/** One tenant's way to one voice platform. Its methods never throw. */
export interface CallProvider {
  redirectCall(request: InterceptRequest): Promise<InterceptOutcome>;
  lookUpCall(request: InterceptRequest): Promise<CallLiveness>;
  /** May be called again. Connections belong to the registry and are closed there. */
  close(): Promise<void>;
}
