import { z } from "zod";

/**
 * The contracts of the BullMQ queues, shared by the gateway that adds and the worker that takes. Payloads are ids; a
 * job's id follows from its session, so that a repeat of the same work is the same job, and one that is late is ignored.
 */
export const interceptQueue = {
  name: "intercept",
  payload: z.strictObject({
    sessionId: z.string(),
    correlationId: z.string(),
    /**
     * The right to the first attempt, which the confirmation granted to this job, and the confirmed session's record: the
     * job's first run acts at once, without a round trip for either. Absent in every job that somebody else added.
     */
    grant: z.strictObject({ token: z.string(), record: z.string() }).optional(),
    /** In place of the confirmation's own job, which was never added: its grant is nobody's. */
    restored: z.literal(true).optional(),
  }),
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

/**
 * How long a claim, or a grant, keeps others from repeating an attempt, in milliseconds: a look-up (750 ms), an API call
 * (1500 ms) and a margin. A webhook may take longer; what repeats it meanwhile has the same id, and its receiver drops it.
 */
export const interceptLeaseMs = 2500;

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
