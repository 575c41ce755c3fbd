import type { InterceptOutcome } from "../providers/call-provider.ts";
import type { WorkerContext } from "../worker-context.ts";
import type { InterceptAttempt } from "./intercept-attempt.ts";
import { RetryLater, retryDelayMs } from "./retry-policy.ts";

type Verdict =
  | { result: "succeeded" | "skipped" | "failed" }
  /** The right is given back, and the job comes again. */
  | { result: "retryable" | "unknown"; againInMs: number };

/** Records what came of an attempt. Throws `RetryLater` when there is to be another one. */
export async function completeAttempt(
  context: WorkerContext,
  attempt: InterceptAttempt,
  outcome: InterceptOutcome,
): Promise<"succeeded" | "skipped" | "failed" | "settled" | "not_found"> {
  const { session, token, correlationId } = attempt;
  const durationMs = Math.round(attempt.sinceConfirmationMs());
  const verdict = judge(outcome, attempt, context.tuning.interceptWindowMs - durationMs);
  const completion = context.sessions.completeIntercept(session.sessionId, {
    token,
    correlationId,
    event: { outcome: outcome.outcome, attempts: session.intercept.attempts, detail: outcome.detail, durationMs },
    ...verdict,
  });
  const { outcome: recorded } = await completion.catch((error: unknown) => {
    // It was made, though Redis is not there to record it: the next one finds it as one whose end nobody knows.
    context.metrics.interceptAttempts.inc({ provider: session.provider, outcome: "unrecorded" });
    throw error;
  });
  report(context, attempt, { outcome, verdict, recorded, durationMs });
  // Settled meanwhile: the success page was fetched before the provider's answer was here.
  if (recorded === "settled" || recorded === "not_found") return recorded;
  // The claim ran out and somebody else has it: theirs is the attempt that counts, and this job sees it through.
  if (recorded === "not_held") throw new RetryLater("claim_lost", context.tuning.leaseMs);
  if ("againInMs" in verdict) throw new RetryLater(`${outcome.outcome} ${outcome.detail ?? ""}`, verdict.againInMs);
  return verdict.result;
}

function judge(outcome: InterceptOutcome, attempt: InterceptAttempt, remainingMs: number): Verdict {
  switch (outcome.outcome) {
    case "redirected":
      return { result: "succeeded" };
    case "call_ended":
      return { result: "skipped" };
    case "rejected":
      return { result: "failed" };
    case "retryable":
    case "unknown": {
      const retryAfterMs = outcome.outcome === "retryable" ? outcome.retryAfterMs : undefined;
      const againInMs = retryDelayMs({ attempt: attempt.session.intercept.attempts, remainingMs, retryAfterMs });
      return againInMs === undefined ? { result: "failed" } : { result: outcome.outcome, againInMs };
    }
  }
}

interface Report {
  outcome: InterceptOutcome;
  verdict: Verdict;
  recorded: string;
  durationMs: number;
}

function report(context: WorkerContext, attempt: InterceptAttempt, { outcome, verdict, recorded, durationMs }: Report) {
  const { session, before, correlationId } = attempt;
  const { provider } = session;
  context.metrics.interceptAttempts.inc({ provider, outcome: outcome.outcome });
  if (recorded === "recorded" && !("againInMs" in verdict)) {
    context.metrics.interceptResults.inc({ provider, result: verdict.result });
  }
  if (outcome.outcome === "redirected") context.metrics.redirectSeconds.observe({ provider }, durationMs / 1000);
  const level = verdict.result === "failed" ? "warn" : "info";
  context.logger[level](
    {
      sessionId: session.sessionId,
      tenant: session.tenant,
      callId: session.callId,
      provider,
      correlationId,
      attempt: session.intercept.attempts,
      before,
      outcome: outcome.outcome,
      detail: outcome.detail,
      result: verdict.result,
      recorded,
      durationMs,
      ...("againInMs" in verdict ? { againInMs: Math.round(verdict.againInMs) } : {}),
    },
    "intercept.attempted",
  );
}
