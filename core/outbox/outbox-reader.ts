import { setTimeout as delay } from "node:timers/promises";
import type { RedisClient } from "../redis/connections.ts";
import { type Keyspace, outboxKeys } from "../redis/keys.ts";
import type { RunScript } from "../redis/scripts.ts";
import type { OutboxBatch, OutboxGroup } from "./outbox-batch.ts";
import { claimStale, type ReadOptions, readNext } from "./read-partition.ts";
import { waitForNews } from "./wait-for-news.ts";

export interface OutboxReaderOptions {
  group: OutboxGroup;
  keyspace: Keyspace;
  /** A connection of the role `outbox` that nobody else uses, and the scripts on it. Closed with the reader. */
  redis: RedisClient;
  run: RunScript;
  /** Handles a batch for good; what it rejects is given out again. Must bear the same event twice. */
  handle: (batch: OutboxBatch) => Promise<void>;
  /** True when `handle` acknowledges by itself what it has handled, with what it writes. Default false. */
  handlerAcknowledges?: boolean;
  /** Whether events that are lost to the group are recorded as `audit_gap`. */
  watchGaps: boolean;
  /** Hears of faults, which repeat; the reader goes on by itself. */
  onFault: (error: unknown) => void;
  /** Hears of what was lost, and of how many events are ahead in a partition. */
  onGap?: (gap: { partition: number; missing: number }) => void;
  onLag?: (partition: number, lag: number) => void;
  /** Most events of a partition at once. Default 128. */
  batchSize?: number;
  /** Partitions that are handled at once. Default 16. */
  partitionsAtOnce?: number;
  /** How long news gather before they are read, in milliseconds. Default 200. */
  gatherMs?: number;
  /** How long an event may lie with somebody before it is given to somebody else, in milliseconds. Default 10,000. */
  staleAfterMs?: number;
  /** How often such events are looked for, in milliseconds. Default 5000. */
  claimEveryMs?: number;
}

export interface OutboxReader {
  /** Lets what is in hand be handled and acknowledged, then ends. Idempotent. */
  close(): Promise<void>;
}

const firstPauseMs = 100;
const longestPauseMs = 2000;
const finishWithinMs = 3000;

/**
 * Gives the events of every partition to `handle`, each at least once over all readers of the group. At most
 * `partitionsAtOnce` × `batchSize` events are in hand. An event is acknowledged after it was handled; what a reader that
 * died had in hand is given to another one after `staleAfterMs`.
 */
export function startOutboxReader(options: OutboxReaderOptions): OutboxReader {
  const reader = new Reader(options);
  const running = reader.run();
  let closing: Promise<void> | undefined;
  return {
    close: () => {
      closing ??= reader.stop(running);
      return closing;
    },
  };
}

class Reader {
  readonly #options: OutboxReaderOptions;
  readonly #stop = new AbortController();
  readonly #partitions: number[];
  readonly #positions: string[];
  #waiting = false;
  #claimAt = 0;
  #pauseMs = firstPauseMs;

  constructor(options: OutboxReaderOptions) {
    this.#options = options;
    this.#partitions = Array.from({ length: options.keyspace.partitions }, (_, partition) => partition);
    this.#positions = this.#partitions.map(() => "0-0");
    // After a failover the group may stand where it stood before: what we know of it is from another server.
    options.redis.on("ready", () => this.#positions.fill("0-0"));
  }

  async run(): Promise<void> {
    let news = this.#partitions;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#claimWhenDue();
        const more = await this.#inSlices(news, (partition) => this.#takeNext(partition));
        if (this.#stop.signal.aborted) return;
        news = more.length > 0 ? more : await this.#wait();
        this.#pauseMs = firstPauseMs;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#options.onFault(error);
        await this.#pause();
        news = this.#partitions;
      }
    }
  }

  async stop(running: Promise<void>): Promise<void> {
    this.#stop.abort();
    // Only a wait is cut short: what is being handled is also acknowledged.
    if (this.#waiting) this.#options.redis.disconnect(false);
    // When Redis is away nothing can be acknowledged, and somebody else will be given it.
    const tooLate = setTimeout(() => this.#options.redis.disconnect(false), finishWithinMs);
    await running;
    clearTimeout(tooLate);
    this.#options.redis.disconnect(false);
  }

  async #wait(): Promise<number[]> {
    this.#waiting = true;
    try {
      const { redis, keyspace, gatherMs = 200 } = this.#options;
      return await waitForNews(redis, { keyspace, positions: this.#positions, gatherMs, signal: this.#stop.signal });
    } finally {
      this.#waiting = false;
    }
  }

  async #pause(): Promise<void> {
    await delay(this.#pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }

  /** Answers whether the partition may have more. */
  async #takeNext(partition: number): Promise<boolean> {
    const read = await readNext(this.#options.run, this.#readOptions(partition));
    this.#positions[partition] = read.position;
    this.#options.onLag?.(partition, read.lag);
    this.#tellGap(partition, read.missing);
    if (read.entries.length > 0) await this.#finish({ partition, entries: read.entries, again: false });
    return read.lag > 0;
  }

  async #claimWhenDue(): Promise<void> {
    const now = performance.now();
    if (now < this.#claimAt) return;
    // Readers that started together do not look at the same moment for ever.
    this.#claimAt = now + (this.#options.claimEveryMs ?? 5000) * (0.75 + Math.random() / 2);
    await this.#inSlices(this.#partitions, (partition) => this.#takeStale(partition));
  }

  async #takeStale(partition: number): Promise<boolean> {
    let from: string | undefined;
    do {
      const claim = await claimStale(this.#options.run, {
        ...this.#readOptions(partition),
        idleMs: this.#options.staleAfterMs ?? 10_000,
        from,
      });
      this.#tellGap(partition, claim.missing);
      if (claim.entries.length > 0) await this.#finish({ partition, entries: claim.entries, again: true });
      from = claim.from;
    } while (from !== undefined && !this.#stop.signal.aborted);
    return false;
  }

  async #finish(batch: OutboxBatch): Promise<void> {
    await this.#options.handle(batch);
    if (this.#options.handlerAcknowledges) return;
    const { outbox } = outboxKeys(this.#options.keyspace, batch.partition);
    await this.#options.redis.xack(outbox, this.#options.group, ...batch.entries.map(([id]) => id));
  }

  #tellGap(partition: number, missing: number): void {
    if (missing > 0) this.#options.onGap?.({ partition, missing });
  }

  #readOptions(partition: number): ReadOptions {
    const { group, keyspace, watchGaps, batchSize = 128 } = this.#options;
    return { group, keyspace, partition, limit: batchSize, watchGaps };
  }

  /** A bounded number at a time; answers those that said yes. One that fails does not keep the others from their turn. */
  async #inSlices(partitions: readonly number[], work: (partition: number) => Promise<boolean>): Promise<number[]> {
    const slice = this.#options.partitionsAtOnce ?? 16;
    const yes: number[] = [];
    const faults: unknown[] = [];
    for (let start = 0; start < partitions.length && !this.#stop.signal.aborted; start += slice) {
      const part = partitions.slice(start, start + slice);
      const results = await Promise.allSettled(part.map(work));
      for (const [index, result] of results.entries()) {
        if (result.status === "rejected") faults.push(result.reason);
        else if (result.value) yes.push(part[index]!);
      }
    }
    if (faults.length > 0) throw faults[0];
    return yes;
  }
}
