import { randomUUID } from "node:crypto";
import type { InterceptJob } from "../../core/queue/queues.ts";
import { parseRecord } from "../../core/redis/parse-record.ts";
import type { ConfirmedSession, Session } from "../../core/verification/session.ts";
import type { WorkerContext } from "../worker-context.ts";
import type { InterceptAttempt } from "./intercept-attempt.ts";
import { fullJitterMs, RetryLater } from "./retry-policy.ts";

export interface TakenInterceptJob extends InterceptJob {
  signal: AbortSignal;
  /** How often this job has been taken, from 1. */
  taken: number;
}

/**
 * The right to act: granted with the confirmation to the first run of its own job, or else claimed. Whoever finds that
 * somebody else has it comes again (`RetryLater`).
 */
export async function claimAttempt(
  context: WorkerContext,
  job: TakenInterceptJob,
): Promise<InterceptAttempt | "settled" | "not_found"> {
  const granted = useGrant(context, job);
  if (granted !== undefined) return granted;
  // A run that comes late to its grant renews it: the token is its own.
  const token = (job.taken === 1 ? job.grant?.token : undefined) ?? randomUUID();
  const { leaseMs } = context.tuning;
  const claim = { token, leaseMs, restored: job.restored };
  const { outcome, session, nowMs, before } = await context.sessions.claimIntercept(job.sessionId, claim);
  if (outcome === "leased") throw new RetryLater("leased", fullJitterMs(1));
  if (outcome !== "taken") return outcome;
  return attemptOf(job, { session: confirmed(session), token, before, nowMs });
}

/** The granted attempt, when this run is the one that it was granted to and comes in time. */
function useGrant(context: WorkerContext, job: TakenInterceptJob): InterceptAttempt | undefined {
  if (job.grant === undefined || job.taken !== 1) return undefined;
  const nowMs = context.clock.now();
  const { token, record } = job.grant;
  const session = confirmed(parseRecord(record, nowMs));
  if (nowMs - session.confirmedAtMs > context.tuning.grantMs) return undefined;
  const intercept = { ...session.intercept, attempts: session.intercept.attempts + 1 };
  return attemptOf(job, { session: { ...session, intercept }, token, before: "first", nowMs });
}

function attemptOf(
  job: TakenInterceptJob,
  right: { session: ConfirmedSession; token: string; before: InterceptAttempt["before"]; nowMs: number },
): InterceptAttempt {
  const { session, token, before, nowMs } = right;
  const startedAt = performance.now();
  const sinceConfirmationMs = () => nowMs - session.confirmedAtMs + performance.now() - startedAt;
  return { session, token, before, correlationId: job.correlationId, signal: job.signal, sinceConfirmationMs };
}

function confirmed(session: Session | undefined): ConfirmedSession {
  if (session?.status !== "confirmed") throw new Error("only a confirmed session can owe an intercept");
  return session;
}
