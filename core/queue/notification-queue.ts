import { z } from "zod";

/** Failed notifications are kept this long to be sent again by hand, the newest of them. */
const keptFailures = { age: 30 * 86_400, count: 100_000 };

/**
 * The queue of events on their way to tenants' endpoints, shared by the worker that fills and empties it and the command
 * that replays what failed. A job carries its event, which may be trimmed from the outbox long before the last attempt.
 */
export const notificationQueue = {
  name: "notification",
  payload: z.strictObject({
    tenant: z.string(),
    /** Which of the tenant's endpoints: `endpointId` of its URL. */
    endpoint: z.string(),
    /** For people to read: the host of that URL, never its path or query. */
    host: z.string(),
    eventId: z.string(),
    type: z.string(),
    /** The bytes that are signed and sent, the same at every attempt. */
    body: z.string(),
    correlationId: z.string(),
  }),
  /** An event that is delivered again from the outbox is the same job, as long as its record is kept. */
  jobId: (eventId: string, endpoint: string) => `notification_${eventId}_${endpoint}`,
  options: {
    attempts: 12,
    backoff: { type: "spread" },
    stackTraceLimit: 1,
    removeOnComplete: { age: 3600, count: 10_000 },
    removeOnFail: keptFailures,
  },
} as const;

export type NotificationJob = z.output<typeof notificationQueue.payload>;
