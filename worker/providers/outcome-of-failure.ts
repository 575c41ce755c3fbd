import type { FailedExchange } from "../delivery/send-request.ts";
import type { InterceptOutcome } from "./call-provider.ts";

/** The outcome of an API call that got no answer: what was never sent may be repeated, what was sent must be looked up. */
export function outcomeOfFailure({ reason, sent }: FailedExchange): InterceptOutcome {
  if (reason === "invalid_request" || reason === "blocked_address") return { outcome: "rejected", detail: reason };
  return { outcome: sent ? "unknown" : "retryable", detail: reason };
}
