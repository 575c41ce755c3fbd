import type { Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Connections } from "../core/redis/connections.ts";
import type { JobWorker } from "./jobs/open-job-worker.ts";
import type { OutboxConsumers } from "./outbox/start-outbox-consumers.ts";
import type { Reconciler } from "./reconcile/reconciler.ts";
import type { WorkerContext } from "./worker-context.ts";

/** What is not finished then is left behind: the next worker finds the jobs without a lock. */
const jobsDeadlineMs = 8500;
/** The same when Redis is away, so that nothing can be finished. */
const jobsDeadlineWithoutRedisMs = 2000;

/**
 * Drains a worker in the order of PROTOCOL §9: not ready, no more jobs taken and those under way finished, connections
 * closed. Health and readiness answer until the end.
 */
export async function stopWorker(parts: {
  context: WorkerContext;
  state: { draining: boolean; intercepts: JobWorker; timeouts: JobWorker };
  reconciler: Reconciler;
  consumers: OutboxConsumers;
  server: Server;
  connections: Connections;
}): Promise<void> {
  const { context, state, reconciler, consumers, server, connections } = parts;
  state.draining = true;
  context.logger.info("worker.draining");
  const work = async () => {
    await Promise.all([reconciler.close(), consumers.close(), state.intercepts.close(), state.timeouts.close()]);
    await context.providers.close();
    await context.jobs.close();
  };
  const deadlineMs = context.workerConnection.status === "ready" ? jobsDeadlineMs : jobsDeadlineWithoutRedisMs;
  const drained = await Promise.race([work().then(() => true), delay(deadlineMs, false, { ref: false })]);
  if (!drained) context.logger.warn("jobs.left");
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
  await connections.close();
  context.logger.info("worker.stopped");
}
