import { setTimeout as delay } from "node:timers/promises";
import type { RedisClient } from "../redis/connections.ts";
import { type Keyspace, partitionBase, partitionOf, sessionKeys } from "../redis/keys.ts";
import type { RunScript } from "../redis/scripts.ts";
import type { CallsealEvent, EventType } from "./event.ts";
import { parseEventId } from "./event-position.ts";
import { largestPage, mergePartitions, PartitionEvents, type PartitionEventsOptions } from "./partition-events.ts";

export interface NewEvent {
  type: EventType;
  tenant: string;
  correlationId: string;
  session?: { sessionId: string; callId: string; provider: string };
  /** Particulars of the type. Never a DID, a token, a signature or a full number: mask before. */
  data?: Record<string, unknown>;
}

/** How many entries of a partition are read at once, at least. */
const smallestPage = 16;

/** Appends events that belong to no transition, and reads all events back in the order in which they happened. */
export class EventLog {
  readonly #redis: RedisClient;
  readonly #run: RunScript;
  readonly #keyspace: Keyspace;

  constructor(redis: RedisClient, run: RunScript, keyspace: Keyspace) {
    this.#redis = redis;
    this.#run = run;
    this.#keyspace = keyspace;
  }

  async append(event: NewEvent): Promise<void> {
    const outbox = event.session
      ? sessionKeys(this.#keyspace, event.session.sessionId).outbox
      : `${partitionBase(this.#keyspace, partitionOf(event.correlationId, this.#keyspace.partitions))}:outbox`;
    await this.#run(
      "append_event",
      [outbox],
      [
        event.type,
        event.tenant,
        event.session?.sessionId ?? "",
        event.session?.callId ?? "",
        event.session?.provider ?? "",
        event.correlationId,
        JSON.stringify(event.data ?? {}),
      ],
    );
  }

  /**
   * A tenant's events after a position, oldest first, at most `limit`. Reads up to the last whole millisecond, so that
   * an event that is written meanwhile in another partition is never passed over by the position that is returned.
   */
  async list(options: {
    tenant: string;
    after: string | undefined;
    limit: number;
  }): Promise<{ events: CallsealEvent[]; next: string | undefined }> {
    const after = options.after === undefined ? { ms: 0, sequence: 0, partition: -1 } : parseEventId(options.after);
    if (!after) throw new RangeError("not an event id");
    const until = String(await this.#wholeMillisecond());
    const { partitions } = this.#keyspace;
    const pageSize = Math.min(Math.max(Math.ceil(options.limit / partitions), smallestPage), largestPage);
    const what = { tenant: options.tenant, after, until, pageSize };
    const sources = Array.from({ length: partitions }, (_, partition) => this.#eventsOf(partition, what));
    const events = await mergePartitions(sources, options.limit);
    return { events, next: events.at(-1)?.id ?? options.after };
  }

  /** Hands a tenant's events of the last `windowSeconds` to `see`, partition by partition, each one's oldest first. */
  async scan(options: { tenant: string; windowSeconds: number; see: (event: CallsealEvent) => void }): Promise<void> {
    const { tenant, windowSeconds, see } = options;
    const sinceMs = Math.max(0, (await this.#timeMs()) - windowSeconds * 1000);
    const after = { ms: sinceMs, sequence: 0, partition: -1 };
    for (let partition = 0; partition < this.#keyspace.partitions; partition += 1) {
      const events = this.#eventsOf(partition, { tenant, after, until: "+", pageSize: largestPage });
      do {
        await events.fill();
        for (let event = events.take(); event; event = events.take()) see(event);
      } while (events.needsFilling);
    }
  }

  #eventsOf(partition: number, what: Pick<PartitionEventsOptions, "tenant" | "after" | "until" | "pageSize">) {
    return new PartitionEvents({ redis: this.#redis, keyspace: this.#keyspace, partition, ...what });
  }

  async #wholeMillisecond(): Promise<number> {
    const nowMs = await this.#timeMs();
    while ((await this.#timeMs()) <= nowMs) await delay(1);
    return nowMs;
  }

  /** Under Cluster a partition's ids follow the clock of its own node, so the slowest of them decides. */
  async #timeMs(): Promise<number> {
    const nodes = "nodes" in this.#redis ? this.#redis.nodes("master") : [this.#redis];
    const times = await Promise.all(nodes.map(async (node) => (await node.time()) as unknown as (string | number)[]));
    return Math.min(
      ...times.map(([seconds, microseconds]) => Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)),
    );
  }
}
