import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";

export interface CountedCommands {
  /** A verification: commands that a client sent, and those that scripts called inside Redis. */
  sent: number;
  inScripts: number;
  bytesIn: number;
  bytesOut: number;
  byName: { name: string; count: number }[];
}

interface Snapshot {
  at: number;
  calls: Map<string, number>;
  bytesIn: number;
  bytesOut: number;
}

/** One second more than the longest interval between two looks of the worker's reconciler. */
const idleMs = 4000;
const settleMs = 500;

/**
 * What a verification costs Redis. INFO commandstats counts every call, also those of scripts; which of them a client
 * sent is read off MONITOR over a few more verifications, where a script's own calls are marked `lua`.
 */
export async function countCommands(
  redis: Redis,
  work: { verifications: number; run: () => Promise<unknown> },
): Promise<CountedCommands> {
  const idle = await perSecond(redis);
  const before = await snapshot(redis);
  await work.run();
  await delay(settleMs);
  const after = await snapshot(redis);
  const seconds = (after.at - before.at) / 1000;
  const each = (total: number, idleRate: number) => Math.max(0, (total - idleRate * seconds) / work.verifications);
  const calls = new Map<string, number>();
  for (const [name, count] of after.calls) {
    calls.set(name, each(count - (before.calls.get(name) ?? 0), idle.calls.get(name) ?? 0));
  }
  const share = await shareSentByClients(redis, work.run);
  const byName = [...calls]
    .map(([name, count]) => ({ name, count: count * (share.get(name) ?? 0) }))
    .filter(({ name, count }) => count >= 0.05 && !isOurs(name))
    .sort((a, b) => b.count - a.count);
  const sent = byName.reduce((sum, { count }) => sum + count, 0);
  const total = [...calls].reduce((sum, [name, count]) => sum + (isOurs(name) ? 0 : count), 0);
  return {
    sent,
    inScripts: total - sent,
    bytesIn: each(after.bytesIn - before.bytesIn, idle.bytesIn),
    bytesOut: each(after.bytesOut - before.bytesOut, idle.bytesOut),
    byName,
  };
}

/** What this measurement itself sends. */
const isOurs = (name: string): boolean => name === "info" || name === "monitor";

async function perSecond(redis: Redis): Promise<Omit<Snapshot, "at">> {
  const before = await snapshot(redis);
  await delay(idleMs);
  const after = await snapshot(redis);
  const seconds = (after.at - before.at) / 1000;
  const calls = [...after.calls].map(
    ([name, count]) => [name, (count - (before.calls.get(name) ?? 0)) / seconds] as const,
  );
  return {
    calls: new Map(calls),
    bytesIn: (after.bytesIn - before.bytesIn) / seconds,
    bytesOut: (after.bytesOut - before.bytesOut) / seconds,
  };
}

async function snapshot(redis: Redis): Promise<Snapshot> {
  const text = await redis.info("commandstats");
  const stats = await redis.info("stats");
  const calls = [...text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(
    ([, name, count]) => [name!, Number(count)] as const,
  );
  const value = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(stats)?.[1] ?? 0);
  return {
    at: performance.now(),
    calls: new Map(calls),
    bytesIn: value("total_net_input_bytes"),
    bytesOut: value("total_net_output_bytes"),
  };
}

/** Of the calls of each command, which share a client sent itself. */
async function shareSentByClients(redis: Redis, run: () => Promise<unknown>): Promise<Map<string, number>> {
  const sent = new Map<string, number>();
  const all = new Map<string, number>();
  const monitor = await redis.monitor();
  monitor.on("monitor", (_time: string, args: string[], source: string) => {
    const name = args[0]!.toLowerCase();
    all.set(name, (all.get(name) ?? 0) + 1);
    if (source !== "lua") sent.set(name, (sent.get(name) ?? 0) + 1);
  });
  await run();
  await delay(settleMs);
  monitor.disconnect();
  return new Map([...all].map(([name, count]) => [name, (sent.get(name) ?? 0) / count]));
}
