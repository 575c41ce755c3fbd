import { randomUUID } from "node:crypto";
import type { StreamEntry } from "../events/event.ts";
import { compareStreamIds, type OutboxBatch, type OutboxGroup } from "../outbox/outbox-batch.ts";
import type { RedisClient } from "../redis/connections.ts";
import { type Keyspace, outboxKeys } from "../redis/keys.ts";
import type { RunScript } from "../redis/scripts.ts";
import { type AuditRecord, chainEvents } from "./audit-record.ts";

/** Where a partition's chain ends. */
export interface ChainHead {
  sequence: number;
  /** "" when the chain is empty. */
  hash: string;
  /** Stream id of the last event, "0-0" when there is none. */
  id: string;
}

export interface AuditChainOptions {
  redis: RedisClient;
  run: RunScript;
  keyspace: Keyspace;
  /** Hears of events that were trimmed away before they were recorded. */
  onGap?: (gap: { partition: number; missing: number }) => void;
}

const pageSize = 256;
const auditGroup: OutboxGroup = "audit";

/** The audit trail in Redis: one hash chain a partition, appended in the order of the outbox; only an operator removes from it. */
export class AuditChain {
  readonly #options: AuditChainOptions;
  /** Where chains ended when we looked last: a guess that saves a round trip, corrected by the script. */
  readonly #heads = new Map<number, ChainHead>();

  constructor(options: AuditChainOptions) {
    this.#options = options;
  }

  /**
   * Records every event of the partition up to the batch's last one, once, however often and by however many processes it
   * is asked for: the script appends only what follows the chain's end, and says where that is when it was mistaken. What
   * is recorded is acknowledged to the group `audit` in the same write, so that a failover loses both or neither.
   */
  async record(batch: OutboxBatch): Promise<void> {
    const { partition, entries } = batch;
    const last = entries.at(-1)?.[0];
    if (last === undefined) return;
    // A first delivery is what lies between two others, without a hole: most often the chain's next events.
    if (!batch.again && (await this.#appendNext(partition, entries))) return;
    await this.#catchUp(partition, last);
    const { outbox } = outboxKeys(this.#options.keyspace, partition);
    await this.#options.redis.xack(outbox, auditGroup, ...entries.map(([id]) => id));
  }

  async readHead(partition: number): Promise<ChainHead> {
    const { auditHead } = outboxKeys(this.#options.keyspace, partition);
    const [sequence, hash, id] = await this.#options.redis.hmget(auditHead, "sequence", "hash", "id");
    return { sequence: Number(sequence ?? 0), hash: hash ?? "", id: id ?? "0-0" };
  }

  /** The partition's records and the id of the event that each is kept under, oldest first, page by page. */
  async *readRecords(partition: number): AsyncGenerator<{ storedAs: string; record: AuditRecord }[]> {
    const { audit } = outboxKeys(this.#options.keyspace, partition);
    let start = "-";
    for (;;) {
      const entries = (await this.#options.redis.xrange(audit, start, "+", "COUNT", pageSize)) as StreamEntry[];
      const records = entries.map((entry) => readRecord(partition, entry));
      if (records.length > 0) yield records;
      if (entries.length < pageSize) return;
      start = `(${entries.at(-1)![0]}`;
    }
  }

  /** Removes the partition's records up to and with that of an event, and says how many those were. */
  async removeUpTo(partition: number, eventId: string): Promise<number> {
    const { audit } = outboxKeys(this.#options.keyspace, partition);
    const [ms = "0", sequence = "0"] = eventId.split("-");
    return await this.#options.redis.xtrim(audit, "MINID", `${ms}-${Number(sequence) + 1}`);
  }

  /** Appends the entries if they come next, also when another worker has moved the chain's end since we looked. */
  async #appendNext(partition: number, entries: readonly StreamEntry[]): Promise<boolean> {
    let head = this.#heads.get(partition) ?? (await this.readHead(partition));
    for (let tries = 0; tries < 2 && compareStreamIds(head.id, entries[0]![0]) < 0; tries += 1) {
      if (await this.#append(partition, head, entries)) return true;
      head = this.#heads.get(partition)!;
    }
    return false;
  }

  /** Appends what lies between the chain's end, as it is now, and the event. */
  async #catchUp(partition: number, last: string): Promise<void> {
    let head = await this.readHead(partition);
    while (compareStreamIds(head.id, last) < 0) {
      const entries = await this.#readOutbox(partition, { after: head.id, to: last });
      // Trimmed away meanwhile: the next append sees the gap.
      if (entries.length === 0) break;
      await this.#append(partition, head, entries);
      head = this.#heads.get(partition)!;
    }
  }

  /** Answers whether the chain ended there, and so whether the entries are recorded now. */
  async #append(partition: number, head: ChainHead, entries: readonly StreamEntry[]): Promise<boolean> {
    const { audit, auditHead, outbox } = outboxKeys(this.#options.keyspace, partition);
    const records = chainEvents({ partition, ...head }, entries);
    const pairs = records.flatMap((record, index) => [entries[index]![0], `${record.hash}${record.event}`]);
    const args = [auditGroup, head.hash, entries[0]![0], entries.at(-1)![0], partition, randomUUID(), ...pairs];
    const reply = await this.#options.run("append_audit", [audit, auditHead, outbox], args);
    const [outcome, sequence, hash, id, missing] = reply as ["appended" | "moved", string, string, string, number];
    if (missing > 0) this.#options.onGap?.({ partition, missing });
    this.#heads.set(partition, { sequence: Number(sequence), hash, id });
    return outcome === "appended";
  }

  async #readOutbox(partition: number, range: { after: string; to: string }): Promise<StreamEntry[]> {
    const { outbox } = outboxKeys(this.#options.keyspace, partition);
    const { after, to } = range;
    return (await this.#options.redis.xrange(outbox, `(${after}`, to, "COUNT", pageSize)) as StreamEntry[];
  }
}

function readRecord(partition: number, entry: StreamEntry): { storedAs: string; record: AuditRecord } {
  const [id, flat] = entry;
  const fields: Record<string, string> = {};
  for (let index = 0; index < flat.length; index += 2) fields[flat[index]!] = flat[index + 1]!;
  const storedAs = `${id}-${partition}`;
  const { event = "", hash = "", previous = "" } = fields;
  const eventId = readId(event) ?? storedAs;
  return { storedAs, record: { partition, sequence: Number(fields["sequence"]), previous, hash, eventId, event } };
}

/** Undefined when the text is no event any more; its hash will say so. */
function readId(event: string): string | undefined {
  try {
    const { id } = JSON.parse(event) as { id?: unknown };
    return typeof id === "string" ? id : undefined;
  } catch {
    return undefined;
  }
}
