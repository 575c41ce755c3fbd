import { z } from "zod";

/**
 * The contracts of the BullMQ queues, shared by the gateway that adds and the worker that takes. Payloads are ids; a
 * job's id follows from its session, so that a repeat of the same work is the same job.
 */
export const interceptQueue = {
  name: "intercept",
  payload: z.strictObject({ sessionId: z.string(), correlationId: z.string() }),
  jobId: (sessionId: string) => `intercept_${sessionId}`,
  /** The worker decides when to give up; finished jobs are kept long enough for repeats to find them. */
  options: {
    attempts: 1000,
    backoff: { type: "full-jitter" },
    stackTraceLimit: 1,
    removeOnComplete: { age: 900, count: 10_000 },
    removeOnFail: { age: 900, count: 10_000 },
  },
} as const;

export const timeoutQueue = {
  name: "timeout",
  payload: z.strictObject({ sessionId: z.string() }),
  jobId: (sessionId: string) => `timeout_${sessionId}`,
  options: {
    attempts: 5,
    backoff: { type: "fixed", delay: 500 },
    removeOnComplete: true,
    removeOnFail: { age: 900, count: 1000 },
  },
} as const;

export type InterceptJob = z.output<typeof interceptQueue.payload>;
export type TimeoutJob = z.output<typeof timeoutQueue.payload>;

/** BullMQ's own prefix; the braces put a queue's keys into one slot of Redis Cluster. */
export function queuePrefix(redisPrefix: string): string {
  return `{${redisPrefix}:queue}`;
}
