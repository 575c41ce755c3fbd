import { type Job, Queue } from "bullmq";
import { type NotificationJob, notificationQueue } from "../../core/queue/notification-queue.ts";
import { queuePrefix } from "../../core/queue/queues.ts";
import { CommandError, type Terminal } from "./command.ts";
import { openDeployment } from "./open-deployment.ts";

export const filterOptions = {
  tenant: { type: "string" },
  type: { type: "string" },
  since: { type: "string" },
} as const;

export const filterHelp = `  --tenant <id>         only this tenant's
  --type <event type>   only events of this type
  --since <when>        only what failed since then: 2026-01-31T12:00:00Z, or 90m, 24h, 7d ago
`;

export interface NotificationFilter {
  tenant?: string | undefined;
  type?: string | undefined;
  sinceMs: number;
}

const pageSize = 500;
const unitMs: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `--since`: an RFC 3339 time, or a number of minutes, hours or days. */
export function parseSince(text: string | undefined, nowMs: number): number {
  if (text === undefined) return 0;
  const ago = /^(\d{1,6})([mhd])$/.exec(text);
  if (ago) return nowMs - Number(ago[1]) * unitMs[ago[2]!]!;
  const at = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw new CommandError(`--since "${text}" is neither a time nor a number of minutes, hours or days`);
  return at;
}

/** Opens the deployment's queue of notifications for `work`, and closes it again. */
export async function withNotificationQueue<T>(
  terminal: Terminal,
  work: (queue: Queue<NotificationJob>) => Promise<T>,
): Promise<T> {
  const deployment = await openDeployment(terminal);
  const queue = new Queue<NotificationJob>(notificationQueue.name, {
    connection: deployment.connections.open("queue"),
    prefix: queuePrefix(deployment.keyspace.prefix),
  });
  queue.on("error", () => undefined);
  try {
    return await work(queue);
  } finally {
    await queue.close();
    await deployment.close();
  }
}

/** The failed notifications that fit, page by page, the newest first. */
export async function* readFailed(
  queue: Queue<NotificationJob>,
  filter: NotificationFilter,
): AsyncGenerator<Job<NotificationJob>[]> {
  for (let start = 0; ; start += pageSize) {
    const jobs = await queue.getFailed(start, start + pageSize - 1);
    yield jobs.filter((job) => job !== undefined && fits(job, filter));
    if (jobs.length < pageSize) return;
  }
}

function fits({ data, finishedOn = 0 }: Job<NotificationJob>, { tenant, type, sinceMs }: NotificationFilter): boolean {
  return (tenant ?? data.tenant) === data.tenant && (type ?? data.type) === data.type && finishedOn >= sinceMs;
}
