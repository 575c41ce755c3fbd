import type { RedisClient } from "../redis/connections.ts";
import { type Keyspace, partitionBase } from "../redis/keys.ts";
import { type CallsealEvent, parseStreamEntry, type StreamEntry, tenantOf } from "./event.ts";
import { comparePositions, type EventPosition } from "./event-position.ts";

/** A stream's most entries in one reply: more would keep the event loop from everybody else for too long. */
export const largestPage = 250;

export interface PartitionEventsOptions {
  redis: RedisClient;
  keyspace: Keyspace;
  partition: number;
  tenant: string;
  /** Events after this one, up to the end of the millisecond `until`, or with `+` to the last there is. */
  after: EventPosition;
  until: string;
  /** How many entries are read at once, at first. */
  pageSize: number;
}

/** The events of a tenant in one partition, oldest first, read a few at a time. */
export class PartitionEvents {
  readonly #options: PartitionEventsOptions;
  readonly #key: string;
  #start: string;
  #pageSize: number;
  #inHand: { entry: StreamEntry; position: EventPosition }[] = [];
  #isRead = false;

  constructor(options: PartitionEventsOptions) {
    const { keyspace, partition, after } = options;
    this.#options = options;
    this.#key = `${partitionBase(keyspace, partition)}:outbox`;
    this.#pageSize = options.pageSize;
    // Within the same millisecond and sequence, partitions are ordered by number.
    this.#start = `${partition <= after.partition ? "(" : ""}${after.ms}-${after.sequence}`;
  }

  /** Where the next event stands; undefined when none is in hand. */
  get next(): EventPosition | undefined {
    return this.#inHand[0]?.position;
  }

  /** Whether nobody can say what comes next before `fill`. */
  get needsFilling(): boolean {
    return this.#inHand.length === 0 && !this.#isRead;
  }

  take(): CallsealEvent | undefined {
    const first = this.#inHand.shift();
    return first && parseStreamEntry(this.#options.partition, first.entry);
  }

  /** Reads on until an event is in hand, or there is none; more at a time while others' events lie between. */
  async fill(): Promise<void> {
    const { redis, partition, tenant, until } = this.#options;
    while (this.needsFilling) {
      const reply = await redis.xrange(this.#key, this.#start, until, "COUNT", this.#pageSize);
      const entries = reply as StreamEntry[];
      for (const entry of entries) {
        if (tenantOf(entry) !== tenant) continue;
        const [ms = 0, sequence = 0] = entry[0].split("-").map(Number);
        this.#inHand.push({ entry, position: { ms, sequence, partition } });
      }
      this.#isRead = entries.length < this.#pageSize;
      if (entries.length > 0) this.#start = `(${entries.at(-1)![0]}`;
      if (this.#inHand.length === 0) this.#pageSize = Math.min(2 * this.#pageSize, largestPage);
    }
  }
}

/** At most `limit` events of all partitions in the order in which they happened. Reads little more than it answers. */
export async function mergePartitions(partitions: readonly PartitionEvents[], limit: number): Promise<CallsealEvent[]> {
  const merged: CallsealEvent[] = [];
  while (merged.length < limit) {
    const hungry = partitions.filter(({ needsFilling }) => needsFilling);
    if (hungry.length > 0) await Promise.all(hungry.map((partition) => partition.fill()));
    let first: PartitionEvents | undefined;
    for (const partition of partitions) {
      if (partition.next && (!first?.next || comparePositions(partition.next, first.next) < 0)) first = partition;
    }
    const event = first?.take();
    if (!event) break;
    merged.push(event);
  }
  return merged;
}
