import { Queue } from "bullmq";
import type { Logger } from "../logging/create-logger.ts";
import type { RedisClient } from "../redis/connections.ts";
import { interceptQueue, queuePrefix, timeoutQueue } from "./queues.ts";

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
      queue.on("error", (err) => this.#logger.warn({ err, queue: queue.name }, "queue.failed"));
    }
  }

  addIntercept(sessionId: string, correlationId: string): void {
    const options = { ...interceptQueue.options, jobId: interceptQueue.jobId(sessionId) };
    this.#track(
      "intercept.enqueue",
      sessionId,
      this.#intercepts.add("intercept", { sessionId, correlationId }, options),
    );
  }

  addTimeout(sessionId: string, delayMs: number): void {
    const options = { ...timeoutQueue.options, jobId: timeoutQueue.jobId(sessionId), delay: delayMs };
    this.#track("timeout.enqueue", sessionId, this.#timeouts.add("timeout", { sessionId }, options));
  }

  removeTimeout(sessionId: string): void {
    this.#track("timeout.remove", sessionId, this.#timeouts.remove(timeoutQueue.jobId(sessionId)));
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
