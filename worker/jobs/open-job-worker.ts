import { DelayedError, type Job, UnrecoverableError, Worker } from "bullmq";
import type { z } from "zod";
import { queuePrefix } from "../../core/queue/queues.ts";
import { backOff, RetryLater } from "../intercept/retry-policy.ts";
import type { WorkerContext } from "../worker-context.ts";

export interface JobQueue<Payload> {
  name: string;
  payload: z.ZodType<Payload>;
}

export interface TakenJob<Payload> {
  payload: Payload;
  /** Aborted when the worker drains and can wait no longer. */
  signal: AbortSignal;
  /** How often this job has been taken, from 1. */
  taken: number;
  /** Ends this run, and has the job taken again after that time; nothing counts as failed. Always throws. */
  putBack(againInMs: number): Promise<never>;
}

export interface JobWorker {
  /** Starts taking jobs. */
  start(): void;
  /** Whether it takes jobs now: started, not closed, and connected. */
  takesJobs(): boolean;
  /** Takes no more jobs and waits for those under way; after `drainMs` they are told to give up. May be called again. */
  close(): Promise<void>;
}

/** How often a lock may run out before BullMQ fails the job for good. A live call is never given up for that reason. */
const maxStalledCount = 1000;
/** Seconds of one blocking wait for a job; a job that is added ends it at once. */
const drainDelaySeconds = 5;

/** Opens a BullMQ Worker with settings for live calls: a killed process' job is taken over after about two seconds. */
export function openJobWorker<Payload>(
  context: WorkerContext,
  queue: JobQueue<Payload>,
  process: (job: TakenJob<Payload>) => Promise<string>,
): JobWorker {
  const { tuning } = context;
  const worker = new Worker(
    queue.name,
    // BullMQ hands the signal only to a function that names three parameters.
    async (job, token, signal) => await process(read(queue, job, { token, signal })),
    {
      connection: context.workerConnection,
      prefix: queuePrefix(context.redisPrefix),
      autorun: false,
      concurrency: tuning.concurrency,
      lockDuration: tuning.lockDurationMs,
      stalledInterval: tuning.stalledIntervalMs,
      maxStalledCount,
      drainDelay: drainDelaySeconds,
      // When a job's end cannot be written: soon again, a caller is waiting.
      runRetryDelay: 250,
      settings: { backoffStrategy: (attemptsMade, _type, error) => backOff(attemptsMade, error) },
    },
  );
  listen(worker, queue.name, context);
  let closing: Promise<void> | undefined;
  return {
    start: () => void worker.run().catch((err) => context.faults.report("queue.stopped", err, { queue: queue.name })),
    takesJobs: () => worker.isRunning() && context.workerConnection.status === "ready",
    close: () => {
      closing ??= drain(worker, tuning.drainMs);
      return closing;
    },
  };
}

function read<Payload>(
  queue: JobQueue<Payload>,
  job: Job,
  run: { token: string | undefined; signal: AbortSignal | undefined },
): TakenJob<Payload> {
  const parsed = queue.payload.safeParse(job.data);
  if (!parsed.success) throw new UnrecoverableError("the payload is not one of this queue");
  return {
    payload: parsed.data,
    signal: run.signal ?? new AbortController().signal,
    taken: job.attemptsStarted,
    putBack: async (againInMs) => {
      await job.moveToDelayed(Date.now() + againInMs, run.token);
      throw new DelayedError();
    },
  };
}

function listen(worker: Worker, queue: string, { metrics, faults, logger }: WorkerContext): void {
  worker.on("error", (err) => faults.report("queue.failed", err, { queue }));
  worker.on("stalled", (jobId) => {
    metrics.jobs.inc({ queue, result: "stalled" });
    logger.warn({ queue, jobId }, "job.stalled");
  });
  worker.on("completed", () => metrics.jobs.inc({ queue, result: "completed" }));
  worker.on("failed", (job, err) => {
    const again = err instanceof RetryLater;
    metrics.jobs.inc({ queue, result: again ? "retried" : "failed" });
    if (!again) logger.error({ err, queue, jobId: job?.id }, "job.failed");
  });
}

async function drain(worker: Worker, drainMs: number): Promise<void> {
  const giveUp = setTimeout(() => worker.cancelAllJobs("draining"), drainMs);
  try {
    await worker.close();
  } finally {
    clearTimeout(giveUp);
  }
}
