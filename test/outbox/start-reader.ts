import { type OutboxReader, type OutboxReaderOptions, startOutboxReader } from "../../core/outbox/outbox-reader.ts";
import { outboxKeys } from "../../core/redis/keys.ts";
import { loadScripts } from "../../core/redis/scripts.ts";
import type { Core } from "../support/open-core.ts";

export interface StartedReader extends OutboxReader {
  faults: unknown[];
  gaps: { partition: number; missing: number }[];
}

/** A reader on a connection of its own, as a worker starts it. */
export function startReader(
  core: Core,
  options: Pick<OutboxReaderOptions, "handle"> & Partial<OutboxReaderOptions> & { outboxLimit?: number },
): StartedReader {
  const { outboxLimit = 25_000, ...rest } = options;
  const redis = core.connections.open("outbox");
  const faults: unknown[] = [];
  const gaps: { partition: number; missing: number }[] = [];
  const reader = startOutboxReader({
    group: "webhooks",
    keyspace: core.keyspace,
    redis,
    run: loadScripts(redis, { sharded: core.connections.sharded, outboxLimit }),
    watchGaps: true,
    onFault: (error) => faults.push(error),
    onGap: (gap) => gaps.push(gap),
    ...rest,
  });
  return { ...reader, faults, gaps };
}

/** Appends so many events, spread over the partitions, and answers their correlation ids. */
export async function appendEvents(core: Core, count: number, tenant = "acme"): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => `corr-${tenant}-${index}`);
  await Promise.all(ids.map((correlationId) => core.events.append({ type: "degraded", tenant, correlationId })));
  return ids;
}

/** Events that were given to the group and not acknowledged. */
export async function countPending(core: Core, group: string): Promise<number> {
  const counts = await Promise.all(
    Array.from({ length: core.keyspace.partitions }, async (_, partition) => {
      const { outbox } = outboxKeys(core.keyspace, partition);
      const groups = (await core.redis.xinfo("GROUPS", outbox).catch(() => [])) as unknown[][];
      const fields = groups.find((one) => one[1] === group);
      return fields === undefined ? 0 : Number(fields[fields.indexOf("pending") + 1]);
    }),
  );
  return counts.reduce((sum, value) => sum + value, 0);
}

/** The correlation id of an entry of the outbox. */
export function correlationOf([, fields]: [string, string[]]): string {
  return fields[fields.indexOf("correlationId") + 1]!;
}
