import { readdirSync } from "node:fs";
import type { RedisClient } from "../../../core/redis/connections.ts";
import type { Member } from "./member.ts";

/** What a deployment holds at one moment, by name: memory after a collection of garbage, descriptors, keys, entries of streams. */
export type Holdings = Record<string, number>;

/**
 * Call records live for a day and the audit trail until it is pruned, both by design: they are counted apart, since a
 * run of half an hour sees them grow.
 */
const keptByDesign = /:call:[A-Za-z0-9_-]{22}$|:audit(?::head)?$/;

export async function measureHoldings(members: readonly Member[], redis: RedisClient): Promise<Holdings> {
  const holdings: Holdings = {};
  for (const member of members) {
    const { rss, heapUsed } = await member.memory();
    holdings[`${member.name}: resident KB`] = Math.round(rss / 1024);
    holdings[`${member.name}: heap KB`] = Math.round(heapUsed / 1024);
    holdings[`${member.name}: descriptors`] = readdirSync(`/proc/${member.pid}/fd`).length;
  }
  const { keys, streams } = await listKeys(redis);
  const passing = keys.filter((key) => !keptByDesign.test(key));
  holdings["Redis: keys"] = passing.length;
  holdings["Redis: keys kept by design"] = keys.length - passing.length;
  const lengths = await Promise.all(streams.map((stream) => redis.xlen(stream)));
  const entries = (kept: boolean) =>
    streams.reduce((sum, stream, index) => sum + (keptByDesign.test(stream) === kept ? lengths[index]! : 0), 0);
  holdings["Redis: stream entries"] = entries(false);
  holdings["Redis: audit entries"] = entries(true);
  return holdings;
}

async function listKeys(redis: RedisClient): Promise<{ keys: string[]; streams: string[] }> {
  const [keys, streams] = [new Set<string>(), new Set<string>()];
  for (const [found, type] of [
    [keys, undefined],
    [streams, "stream"],
  ] as const) {
    let cursor = "0";
    do {
      const [next, batch] =
        type === undefined
          ? await redis.scan(cursor, "COUNT", 1000)
          : await redis.scan(cursor, "COUNT", 1000, "TYPE", type);
      for (const key of batch) found.add(key);
      cursor = next;
    } while (cursor !== "0");
  }
  return { keys: [...keys], streams: [...streams] };
}

/**
 * By how much each holding grew, as a share, from the middle fifth of the samples to the last one: the medians of each,
 * since single samples fall between two collections, reconnects or expiries.
 */
export function growthOf(samples: readonly Holdings[]): Record<string, number> {
  const fifth = Math.floor(samples.length / 5);
  const early = samples.slice(2 * fifth, 3 * fifth);
  const late = samples.slice(-fifth);
  const names = Object.keys(samples[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(late, name) / median(early, name) - 1]));
}

function median(samples: readonly Holdings[], name: string): number {
  const values = samples.map((sample) => sample[name] ?? 0).toSorted((a, b) => a - b);
  return values[Math.floor(values.length / 2)] ?? 0;
}
