import { randomUUID } from "node:crypto";
import type { StreamEntry } from "../events/event.ts";
import { type Keyspace, outboxKeys } from "../redis/keys.ts";
import type { RunScript } from "../redis/scripts.ts";
import type { OutboxGroup } from "./outbox-batch.ts";

export interface PartitionRead {
  entries: StreamEntry[];
  /** Events that were trimmed away before the group could handle them. */
  missing: number;
  /** Events that are still ahead of the group. */
  lag: number;
  /** Stream id of the last event that the group was given, "0-0" when there is none. */
  position: string;
}

export interface ReadOptions {
  group: OutboxGroup;
  keyspace: Keyspace;
  partition: number;
  /** Most events. */
  limit: number;
  /** Whether a gap is recorded as an `audit_gap` event. */
  watchGaps: boolean;
}

/** Takes a partition's next events for the group: the group is made when there is none. */
export async function readNext(run: RunScript, options: ReadOptions): Promise<PartitionRead> {
  const { group, partition, limit, watchGaps } = options;
  const { outbox, readers } = outboxKeys(options.keyspace, partition);
  const reply = await run("read_outbox", [outbox, readers], [group, limit, flag(watchGaps), partition, randomUUID()]);
  const [entries, missing, lag, position] = reply as [StreamEntry[], number, number, string];
  return { entries, missing, lag, position };
}

export interface PartitionClaim {
  entries: StreamEntry[];
  missing: number;
  /** Where the next look begins, or undefined when all that is pending has been looked at. */
  from: string | undefined;
}

/** Takes events that were given to somebody `idleMs` ago or earlier and never acknowledged. */
export async function claimStale(
  run: RunScript,
  options: ReadOptions & { idleMs: number; from: string | undefined },
): Promise<PartitionClaim> {
  const { group, partition, limit, watchGaps, idleMs } = options;
  const { outbox } = outboxKeys(options.keyspace, partition);
  const args = [group, idleMs, limit, options.from ?? "0-0", flag(watchGaps), partition, randomUUID()];
  const [entries, missing, from] = (await run("claim_outbox", [outbox], args)) as [StreamEntry[], number, string];
  return { entries, missing, from: from === "0-0" ? undefined : from };
}

function flag(value: boolean): string {
  return value ? "1" : "0";
}
