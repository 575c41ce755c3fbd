import { Queue } from "bullmq";
import type { Logger } from "../logging/create-logger.ts";
import type { RedisClient } from "../redis/connections.ts";
import { type InterceptJob, interceptQueue, queuePrefix, timeoutQueue } from "./queues.ts";

/** What a session's intercept job was, and is now again. */
export type RestoredJob = "added" | "added_again" | "promoted" | "under_way";

/**
 * Adds jobs without holding up the answer to a caller. A job that could not be added is logged and no loss: what a
 * session owes is recorded in its own transition, and the worker's reconciler enqueues what is missing.
 */
export class JobQueues {
  readonly #connection: RedisClient;
  readonly #intercepts: Queue;
  readonly #timeouts: Queue;
  readonly #logger: Logger;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(connection: RedisClient, options: { redisPrefix: string; logger: Logger }) {
    this.#connection = connection;
    const settings = { connection, prefix: queuePrefix(options.redisPrefix) };
    this.#intercepts = new Queue(interceptQueue.name, settings);
    this.#timeouts = new Queue(timeoutQueue.name, settings);
    this.#logger = options.logger;
    for (const queue of [this.#intercepts, this.#timeouts]) {
      // BullMQ hands on every error of the connection, which whoever opened it hears already: those have a system's code.
      queue.on("error", (err) => {
        if (!("code" in err)) this.#logger.warn({ err, queue: queue.name }, "queue.failed");
      });
    }
  }

  addIntercept(sessionId: string, correlationId: string, grant?: InterceptJob["grant"]): void {
    const options = { ...interceptQueue.options, jobId: interceptQueue.jobId(sessionId) };
    const job: InterceptJob = { sessionId, correlationId, ...(grant === undefined ? {} : { grant }) };
    this.#track("intercept.enqueue", sessionId, this.#intercepts.add("intercept", job, options));
  }

  /**
   * Puts the intercept job of a session that still owes it back to work, whatever became of the job. A job that is kept
   * after its end would swallow one that is added with the same id, so it is removed before.
   */
  async restoreIntercept(sessionId: string, correlationId: string): Promise<RestoredJob> {
    const jobId = interceptQueue.jobId(sessionId);
    const job = await this.#intercepts.getJob(jobId);
    if (job !== undefined && job.finishedOn === undefined) {
      if (job.delay === 0) return "under_way";
      // Its time was set by another machine's clock. A job that has left the delayed ones meanwhile refuses, and is under way.
      return await job.promote().then(
        () => "promoted",
        () => "under_way",
      );
    }
    await job?.remove();
    const again: InterceptJob = { sessionId, correlationId, ...(job === undefined ? { restored: true } : {}) };
    await this.#intercepts.add("intercept", again, { ...interceptQueue.options, jobId });
    return job === undefined ? "added" : "added_again";
  }

  addTimeout(sessionId: string, delayMs: number): void {
    const options = { ...timeoutQueue.options, jobId: timeoutQueue.jobId(sessionId), delay: delayMs };
    this.#track("timeout.enqueue", sessionId, this.#timeouts.add("timeout", { sessionId }, options));
  }

  removeTimeout(sessionId: string): void {
    this.#track("timeout.remove", sessionId, this.#timeouts.remove(timeoutQueue.jobId(sessionId)));
  }

  /** Jobs by queue and state, as they stand now. */
  async countJobs(): Promise<{ queue: string; state: string; jobs: number }[]> {
    const lists = await Promise.all(
      [this.#intercepts, this.#timeouts].map(async (queue) => {
        const counts = await queue.getJobCounts("waiting", "active", "delayed", "failed");
        return Object.entries(counts).map(([state, jobs]) => ({ queue: queue.name, state, jobs }));
      }),
    );
    return lists.flat();
  }

  /** Rejects when the queue's Redis does not answer. */
  async ping(): Promise<void> {
    await this.#connection.ping();
  }

  /** Waits until everything that was asked for has been written. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#underWay]);
  }

  async close(): Promise<void> {
    await this.settle();
    await Promise.all([this.#intercepts.close(), this.#timeouts.close()]);
  }

  #track(work: string, sessionId: string, promise: Promise<unknown>): void {
    const settled = promise.catch((err: unknown) => this.#logger.warn({ err, sessionId, work }, "job.postponed"));
    this.#underWay.add(settled);
    void settled.finally(() => this.#underWay.delete(settled));
  }
}
