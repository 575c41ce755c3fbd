import { DelayedError, type Job, UnrecoverableError, Worker } from "bullmq";
import type { Logger } from "../../core/logging/create-logger.ts";
import { type NotificationJob, notificationQueue } from "../../core/queue/notification-queue.ts";
import { queuePrefix } from "../../core/queue/queues.ts";
import type { RedisClient } from "../../core/redis/connections.ts";
import { deliverNotification, type NotificationTargets } from "./deliver-notification.ts";
import { EndpointSlots } from "./endpoint-slots.ts";
import { DeliveryFailed, spreadRetries } from "./spread-retries.ts";

export type NotificationResult = "delivered" | "retried" | "failed" | "put_off";

export interface NotificationJobsOptions extends NotificationTargets {
  connection: RedisClient;
  redisPrefix: string;
  logger: Logger;
  onFault: (error: unknown) => void;
  count: (tenant: string, result: NotificationResult) => void;
  /** Attempts under way at once, in all. */
  concurrency: number;
  /** Attempts under way at one endpoint. */
  slotsPerEndpoint: number;
  /** How long after an attempt another one is made; `spreadRetries` by default. */
  retryDelayMs?: (attemptsMade: number, error?: Error) => number;
}

/** How often a worker may die with a notification in hand before it counts as failed: as often as it likes. */
const maxStalledCount = 1000;
/** What a killed worker had in hand is taken over after these two together; a living one renews its locks. */
const lockDurationMs = 10_000;
const stalledIntervalMs = 5000;
const againAfterDrainMs = 1000;

/** Takes notifications from their own queue, with a concurrency of their own: no call waits for them, nor they for one. */
export function takeNotificationJobs(options: NotificationJobsOptions): { close(): Promise<void> } {
  const slots = new EndpointSlots(options.slotsPerEndpoint);
  const worker = new Worker(
    notificationQueue.name,
    // BullMQ hands the signal only to a function that names three parameters.
    async (job, token, signal) =>
      await attempt(job, { token, signal: signal ?? new AbortController().signal, slots, options }),
    {
      connection: options.connection,
      prefix: queuePrefix(options.redisPrefix),
      concurrency: options.concurrency,
      maxStalledCount,
      lockDuration: lockDurationMs,
      stalledInterval: stalledIntervalMs,
      settings: {
        backoffStrategy: (made, _type, error) => (options.retryDelayMs ?? spreadRetries)(made, error),
      },
    },
  );
  worker.on("error", options.onFault);
  let closing: Promise<void> | undefined;
  return {
    close: () => {
      if (closing === undefined) {
        // Nobody waits for these: what is under way is made again by whoever is there next.
        worker.cancelAllJobs("draining");
        closing = worker.close();
      }
      return closing;
    },
  };
}

interface Attempt {
  token: string | undefined;
  signal: AbortSignal;
  slots: EndpointSlots;
  options: NotificationJobsOptions;
}

async function attempt(job: Job, { token, signal, slots, options }: Attempt): Promise<string> {
  const parsed = notificationQueue.payload.safeParse(job.data);
  if (!parsed.success) throw new UnrecoverableError("the payload is not one of this queue");
  const notification = parsed.data;
  const endpoint = `${notification.tenant} ${notification.endpoint}`;
  const giveBack = slots.take(endpoint);
  if (giveBack === undefined) {
    options.count(notification.tenant, "put_off");
    return await putOff(job, token, slots.turnIn(endpoint));
  }
  const startedAt = performance.now();
  try {
    await deliverNotification(notification, options, signal);
    report(notification, { options, job, result: "delivered", startedAt });
    return "delivered";
  } catch (error) {
    if (signal.aborted) return await putOff(job, token, againAfterDrainMs);
    const last = !(error instanceof DeliveryFailed) || job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
    report(notification, { options, job, result: last ? "failed" : "retried", startedAt, error });
    throw error;
  } finally {
    giveBack();
  }
}

/** Ends this run without counting it as an attempt. Always throws. */
async function putOff(job: Job, token: string | undefined, delayMs: number): Promise<never> {
  await job.moveToDelayed(Date.now() + delayMs, token);
  throw new DelayedError();
}

function report(
  notification: NotificationJob,
  run: {
    options: NotificationJobsOptions;
    job: Job;
    result: NotificationResult;
    startedAt: number;
    error?: unknown;
  },
): void {
  const { options, job, result, startedAt, error } = run;
  const { tenant, host, eventId, type, correlationId } = notification;
  options.count(tenant, result);
  const event = {
    ...{ tenant, host, eventId, type, correlationId, result },
    attempt: job.attemptsMade + 1,
    durationMs: Math.round(performance.now() - startedAt),
    ...(error instanceof Error ? { detail: error.message } : {}),
  };
  if (result === "failed") options.logger.warn(event, "notification.failed");
  else options.logger.info(event, "notification.attempted");
}
