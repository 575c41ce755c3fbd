import type { WorkerContext } from "../worker-context.ts";
import { claimAttempt, type TakenInterceptJob } from "./claim-attempt.ts";
import { completeAttempt } from "./complete-attempt.ts";
import { moveCall } from "./move-call.ts";

export type InterceptResult = "succeeded" | "skipped" | "failed" | "settled" | "not_found";

/**
 * Moves the live call of a confirmed session: claim the right to act, call the provider, complete with what came of it.
 * Repeats are harmless: whoever comes second finds the claim held (`RetryLater`) or the intercept settled.
 */
export async function interceptCall(context: WorkerContext, job: TakenInterceptJob): Promise<InterceptResult> {
  const claim = await claimAttempt(context, job);
  if (typeof claim === "string") return claim;
  const outcome = await moveCall(context, claim);
  return await completeAttempt(context, claim, outcome);
}
