import type { ConfirmedSession } from "../../core/verification/session.ts";

/** One attempt to move a call, from its claim to its completion. */
export interface InterceptAttempt {
  session: ConfirmedSession;
  /** Proves the claim. */
  token: string;
  /** What is known of the attempt before: `after_unknown` may have moved the call. */
  before: "first" | "after_unknown" | "after_retryable";
  correlationId: string;
  /** Ends the attempt early when the worker drains. */
  signal: AbortSignal;
  /** Milliseconds since the confirmation, by the clock of Redis at the claim and a monotonic one since. */
  sinceConfirmationMs: () => number;
}
