import type { RedisClient } from "./connections.ts";
import { type Keyspace, partitionBase, sessionKeys } from "./keys.ts";

/** Session ids whose work is overdue, and whether a partition had more than was read. */
export interface OverdueWork {
  intercepts: string[];
  timeouts: string[];
  more: boolean;
}

export interface LookForOptions {
  /** Now by the clock of Redis, in milliseconds since 1970. */
  nowMs: number;
  /** An intercept that nobody has seen to for this long is overdue. */
  interceptGraceMs: number;
  /** A pending session that is over for this long is overdue. */
  timeoutGraceMs: number;
  /** Most ids of each kind that are read from a partition. */
  limit: number;
}

/** What sessions owe and are still due, across all partitions: written by the transitions themselves, read by the reconciler. */
export class OwedWork {
  readonly #redis: RedisClient;
  readonly #keyspace: Keyspace;

  constructor(redis: RedisClient, keyspace: Keyspace) {
    this.#redis = redis;
    this.#keyspace = keyspace;
  }

  /** One round trip: two range reads a partition, all in flight together. */
  async findOverdue(options: LookForOptions): Promise<OverdueWork> {
    const { nowMs, limit } = options;
    const read = async (name: "owed" | "due", graceMs: number) => {
      const partitions = Array.from({ length: this.#keyspace.partitions }, (_, partition) =>
        this.#redis.zrangebyscore(
          `${partitionBase(this.#keyspace, partition)}:${name}`,
          "-inf",
          nowMs - graceMs,
          "LIMIT",
          0,
          limit,
        ),
      );
      return await Promise.all(partitions);
    };
    const [owed, due] = await Promise.all([
      read("owed", options.interceptGraceMs),
      read("due", options.timeoutGraceMs),
    ]);
    return {
      intercepts: owed.flat(),
      timeouts: due.flat(),
      more: [...owed, ...due].some((ids) => ids.length >= limit),
    };
  }

  /** Says when to look at an owed intercept again; one that is settled meanwhile stays settled. */
  async lookAgainAt(sessionId: string, atMs: number): Promise<void> {
    await this.#redis.zadd(sessionKeys(this.#keyspace, sessionId).owed, "XX", "GT", Math.round(atMs), sessionId);
  }
}
