import { setTimeout as delay } from "node:timers/promises";
import type { RedisClient } from "../redis/connections.ts";
import { type Keyspace, outboxKeys } from "../redis/keys.ts";

/** Longest wait, well below the connection's silence timeout. */
const blockMs = 1000;
/** Under Cluster one command cannot wait on several slots, so each partition is asked again after this. */
const pollMs = 250;

export interface NewsOptions {
  keyspace: Keyspace;
  /** Stream id of the last event that the group was given, by partition. */
  positions: readonly string[];
  /** How long news gather before they are read: no caller waits for them, and a read costs as much for one as for many. */
  gatherMs: number;
  signal: AbortSignal;
}

/**
 * Waits until some partition has an event after the group's position, and answers which, if any; every partition when nobody
 * knows. Blocks its connection, which is therefore nobody else's.
 */
export async function waitForNews(redis: RedisClient, options: NewsOptions): Promise<number[]> {
  const all = options.positions.map((_, partition) => partition);
  if ("nodes" in redis) {
    await delay(pollMs, undefined, { signal: options.signal });
    return all;
  }
  const keys = all.map((partition) => outboxKeys(options.keyspace, partition).outbox);
  const news = await redis.xread("COUNT", 1, "BLOCK", blockMs, "STREAMS", ...keys, ...options.positions);
  if (news === null) return [];
  await delay(options.gatherMs, undefined, { signal: options.signal });
  const names = new Set(news.map(([key]) => key));
  return all.filter((partition) => names.has(keys[partition]!));
}
