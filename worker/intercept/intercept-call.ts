import { randomUUID } from "node:crypto";
import type { InterceptJob } from "../../core/queue/queues.ts";
import type { WorkerContext } from "../worker-context.ts";
import { completeAttempt } from "./complete-attempt.ts";
import type { InterceptAttempt } from "./intercept-attempt.ts";
import { moveCall } from "./move-call.ts";
import { fullJitterMs, RetryLater } from "./retry-policy.ts";

export type InterceptResult = "succeeded" | "skipped" | "failed" | "settled" | "not_found";

/**
 * Moves the live call of a confirmed session: claim the right to act, call the provider, complete with what came of it.
 * Repeats are harmless: whoever comes second finds the claim held (`RetryLater`) or the intercept settled.
 */
export async function interceptCall(
  context: WorkerContext,
  job: InterceptJob & { signal: AbortSignal },
): Promise<InterceptResult> {
  const claim = await claimAttempt(context, job);
  if (typeof claim === "string") return claim;
  const outcome = await moveCall(context, claim);
  return await completeAttempt(context, claim, outcome);
}

async function claimAttempt(
  context: WorkerContext,
  job: InterceptJob & { signal: AbortSignal },
): Promise<InterceptAttempt | "settled" | "not_found"> {
  const token = randomUUID();
  const { leaseMs } = context.tuning;
  const { outcome, session, nowMs, before } = await context.sessions.claimIntercept(job.sessionId, { token, leaseMs });
  const claimedAt = performance.now();
  if (outcome === "leased") throw new RetryLater("leased", fullJitterMs(1));
  if (outcome !== "taken") return outcome;
  if (session?.status !== "confirmed") throw new Error("only a confirmed session can owe an intercept");
  const sinceConfirmationMs = () => nowMs - session.confirmedAtMs + performance.now() - claimedAt;
  return { session, token, before, correlationId: job.correlationId, signal: job.signal, sinceConfirmationMs };
}
