import type { Core } from "../support/open-core.ts";

export interface KeyCount {
  total: number;
  /** By kind, as core/redis/keys.ts names them. */
  kinds: Record<string, number>;
  /** Keys of no kind, and keys without an end that should have one. */
  strays: string[];
  redisBytes: number;
}

/** Kinds of keys; those that are `kept` have no TTL. */
const kinds: readonly { name: string; shape: RegExp; kept: boolean }[] = [
  { name: "call", shape: /^fuzz:\{p\d+\}:call:[\w-]{22}$/, kept: false },
  { name: "session", shape: /^fuzz:\{p\d+\}:call:[\w-]{22}:\d+$/, kept: false },
  { name: "partition", shape: /^fuzz:\{p\d+\}:(?:outbox|readers|audit|audit:head|due|owed)$/, kept: true },
  { name: "person", shape: /^fuzz:(?:\{p\d+\}:(?:subject|devices|device):\w+_[\w-]+|phone:[\w-]+)$/, kept: true },
  { name: "activation", shape: /^fuzz:\{p\d+\}:activation:[\w-]+$/, kept: false },
  { name: "code", shape: /^fuzz:\{did:\w+\}:(?:code:\d{6,10}|live:\d+)$/, kept: false },
  { name: "offers", shape: /^fuzz:\{p\d+\}:offers:zid_[\w-]+$/, kept: false },
  { name: "passing", shape: /^fuzz:(?:token:|case:|rate:)/, kept: false },
  { name: "deployment", shape: /^fuzz:deployment$/, kept: true },
  { name: "queue", shape: /^\{?fuzz[:}]/, kept: true },
];

/** Counts every key of the used Redis by its kind. */
export async function countKeys({ redis }: Core): Promise<KeyCount> {
  const counts: Record<string, number> = {};
  const strays: string[] = [];
  let total = 0;
  let cursor = "0";
  do {
    const [next, keys] = (await redis.call("SCAN", cursor, "COUNT", "1000")) as [string, string[]];
    cursor = String(next);
    total += keys.length;
    const ttls = await Promise.all(keys.map((key) => redis.pttl(key)));
    for (const [index, key] of keys.entries()) {
      const kind = kinds.find(({ shape }) => shape.test(key));
      counts[kind?.name ?? "other"] = (counts[kind?.name ?? "other"] ?? 0) + 1;
      if (kind === undefined || (!kind.kept && ttls[index] === -1)) strays.push(key);
    }
  } while (cursor !== "0");
  const info = String(await redis.call("INFO", "memory"));
  return { total, kinds: counts, strays: strays.slice(0, 50), redisBytes: Number(/used_memory:(\d+)/.exec(info)?.[1]) };
}

/** How many intercepts are still owed, over all partitions. */
export async function countOwed({ redis, keyspace }: Core): Promise<number> {
  const partitions = Array.from({ length: keyspace.partitions }, (_, index) => `${keyspace.prefix}:{p${index}}:owed`);
  const counts = await Promise.all(partitions.map((key) => redis.zcard(key)));
  return counts.reduce((sum, count) => sum + Number(count), 0);
}
