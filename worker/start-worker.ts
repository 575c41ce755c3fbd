import type { RequestListener } from "node:http";
import type { Config } from "../core/config/config.ts";
import { answerStarting } from "../core/http/answer-starting.ts";
import { endUnreadBodies } from "../core/http/end-unread-bodies.ts";
import { createGuardedServer } from "../core/http/guarded-server.ts";
import type { Logger } from "../core/logging/create-logger.ts";
import { showEventLoop } from "../core/process/event-loop-metrics.ts";
import { watchEventLoop } from "../core/process/watch-event-loop.ts";
import { createConnections } from "../core/redis/connections.ts";
import { composeWorker } from "./compose-worker.ts";
import { takeTimeoutJobs } from "./expiry/take-timeout-jobs.ts";
import { FaultLog } from "./fault-log.ts";
import { takeInterceptJobs } from "./intercept/take-intercept-jobs.ts";
import { answerOperations } from "./operations/answer-operations.ts";
import { checkReadiness } from "./operations/check-readiness.ts";
import { listenOnPort } from "./operations/listen-on-port.ts";
import { startOutboxConsumers } from "./outbox/start-outbox-consumers.ts";
import { startReconciler } from "./reconcile/reconciler.ts";
import { stopWorker } from "./stop-worker.ts";
import { liveCallTuning, type WorkerTuning } from "./worker-tuning.ts";

/** Probes and metrics have few clients. */
const mostConnections = 1000;

export interface RunningWorker {
  /** Of health, readiness and metrics. */
  url: string;
  port: number;
  /** Drains and stops: idempotent, done within ten seconds. */
  close(): Promise<void>;
}

/** Starts a worker over the Redis at `REDIS_URL` and logs one line with its URL when it is ready. */
export async function startWorker(
  config: Config & { REDIS_URL: string },
  logger: Logger,
  tuning: Partial<WorkerTuning> = {},
): Promise<RunningWorker> {
  const faults = new FaultLog(logger);
  const connections = createConnections(config.REDIS_URL, (role, err) => faults.report("redis.failed", err, { role }));
  let handle: RequestListener = answerStarting;
  const server = createGuardedServer((request, response) => handle(request, response), { mostConnections });
  endUnreadBodies(server);
  try {
    const port = await listenOnPort(server, config, logger);
    const context = await composeWorker({
      config,
      connections,
      logger,
      faults,
      tuning: {
        ...liveCallTuning,
        concurrency: config.CALLSEAL_WORKER_CONCURRENCY,
        interceptWindowMs: config.CALLSEAL_INTERCEPT_WINDOW_SECONDS * 1000,
        ...tuning,
      },
    });
    const [intercepts, timeouts] = [takeInterceptJobs(context), takeTimeoutJobs(context)];
    const eventLoop = watchEventLoop({ limitMs: config.CALLSEAL_EVENT_LOOP_DELAY_LIMIT_MS });
    server.once("close", eventLoop.close);
    showEventLoop(context.metrics.registry, eventLoop);
    const state = { draining: false, intercepts, timeouts, eventLoop };
    handle = answerOperations(context, () => checkReadiness(context, state));
    intercepts.start();
    timeouts.start();
    const reconciler = startReconciler(context);
    const consumers = startOutboxConsumers({
      connections,
      keyspace: context.keyspace,
      outboxLimit: config.CALLSEAL_OUTBOX_LIMIT,
      tenants: context.tenants,
      registry: context.metrics.registry,
      logger,
      onFault: (event, error, fields) => faults.report(event, error, fields),
    });
    // Whoever reads that it is ready, and asks, is told the same.
    await context.workerConnection.ping();
    const url = `http://localhost:${port}`;
    logger.info({ url, port }, "worker.ready");
    let closing: Promise<void> | undefined;
    return {
      url,
      port,
      close: () => {
        closing ??= stopWorker({ context, state, reconciler, consumers, server, connections });
        return closing;
      },
    };
  } catch (error) {
    server.close();
    server.closeAllConnections();
    await connections.close();
    throw error;
  }
}
