import type { WorkerContext } from "../worker-context.ts";

/** A little after the deadline, so that the job finds the session over by the clock of Redis. */
const slackMs = 20;

export type TimeoutResult =
  | { result: "timeout" | "unchanged" | "not_found" }
  | { result: "not_due"; againInMs: number };

/**
 * Records the timeout of a session whose time is over; the script decides by the clock of Redis. A job that comes early,
 * since BullMQ counts delays by the clocks of our machines, is told how long is left.
 */
export async function recordTimeout(context: WorkerContext, sessionId: string): Promise<TimeoutResult> {
  const { outcome, session, nowMs } = await context.sessions.expire(sessionId);
  if (outcome === "timeout") context.metrics.timeouts.inc({ by: "job" });
  if (outcome !== "not_due") return { result: outcome };
  return { result: outcome, againInMs: (session?.expiresAtMs ?? nowMs) - nowMs + slackMs };
}
