import type { WorkerContext } from "../worker-context.ts";

/** Ids of each kind and partition in one pass. */
const pageSize = 50;
/** How long an intercept is left alone after its job was seen to. */
const lookAgainMs = 1000;

/**
 * One pass over every partition: intercepts that are owed and that nobody sees to get their job back, sessions that are
 * over are recorded. This is the promise behind the fast path: whatever process died between the confirmation and the
 * job, the call moves. Returns whether there is more to do at once.
 */
export async function reconcileOwedWork(context: WorkerContext): Promise<boolean> {
  const { interceptGraceMs, timeoutGraceMs } = context.tuning;
  const nowMs = await context.clock.refresh();
  const overdue = await context.owedWork.findOverdue({ nowMs, interceptGraceMs, timeoutGraceMs, limit: pageSize });
  const work = [
    ...overdue.intercepts.map((sessionId) => restoreIntercept(context, sessionId, nowMs)),
    ...overdue.timeouts.map((sessionId) => recordOverdueTimeout(context, sessionId)),
  ];
  for (const done of await Promise.allSettled(work)) {
    if (done.status === "rejected") context.faults.report("reconcile.failed", done.reason);
  }
  return overdue.more;
}

async function restoreIntercept(context: WorkerContext, sessionId: string, nowMs: number): Promise<void> {
  const session = await context.sessions.read(sessionId, undefined);
  if (session === undefined) {
    // Its record is past its retention; the claim takes what is left of it away.
    await context.sessions.claimIntercept(sessionId, { token: "reconciler", leaseMs: 1 });
    return;
  }
  const action = await context.jobs.restoreIntercept(sessionId, session.correlationId);
  await context.owedWork.lookAgainAt(sessionId, nowMs + lookAgainMs);
  context.metrics.reconciled.inc({ action });
  if (action !== "under_way") {
    const { tenant, correlationId } = session;
    context.logger.warn({ sessionId, tenant, correlationId, action }, "intercept.reconciled");
  }
}

async function recordOverdueTimeout(context: WorkerContext, sessionId: string): Promise<void> {
  const { outcome } = await context.sessions.expire(sessionId);
  if (outcome === "timeout") context.metrics.timeouts.inc({ by: "reconciler" });
}
