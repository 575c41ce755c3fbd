import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";

export interface CountedCommands {
  /** A verification: commands that clients sent, and those that scripts called inside Redis. */
  sent: number;
  inScripts: number;
  bytesIn: number;
  bytesOut: number;
  /** Those that were sent, by what they are for, most frequent first. */
  byName: { name: string; count: number }[];
}

export interface CountedWork {
  verifications: number;
  run: () => Promise<unknown>;
  /** How long the idle deployment is watched before: several of the intervals in which its worker looks for work. */
  idleSeconds: number;
  /** Scripts by their digest. */
  scripts: ReadonlyMap<string, string>;
  /** The deployment's key prefix. */
  prefix: string;
}

interface Seen {
  seconds: number;
  sent: Map<string, number>;
  inScripts: number;
}

const settleMs = 500;

/**
 * What a verification costs Redis. MONITOR tells what was sent and what scripts called (marked `lua`); bytes come from
 * INFO over a second run, because MONITOR's own output would be among them. What the idle deployment does is subtracted.
 */
export async function countCommands(redis: Redis, work: CountedWork): Promise<CountedCommands> {
  const idle = await watch(redis, work, () => delay(work.idleSeconds * 1000));
  const seen = await watch(redis, work, work.run);
  const each = (total: number, idleTotal: number) =>
    Math.max(0, (total - (idleTotal / idle.seconds) * seen.seconds) / work.verifications);
  const byName = [...seen.sent]
    .map(([name, count]) => ({ name, count: each(count, idle.sent.get(name) ?? 0) }))
    .filter(({ count }) => count >= 0.05)
    .sort((a, b) => b.count - a.count || a.name.localeCompare(b.name));
  return {
    sent: byName.reduce((sum, { count }) => sum + count, 0),
    inScripts: each(seen.inScripts, idle.inScripts),
    byName,
    ...(await countBytes(redis, work)),
  };
}

async function watch(redis: Redis, work: CountedWork, run: () => Promise<unknown>): Promise<Seen> {
  const sent = new Map<string, number>();
  let inScripts = 0;
  const monitor = await redis.monitor();
  monitor.on("monitor", (_time: string, args: string[], source: string) => {
    const name = nameCommand(args, work);
    if (source === "lua") inScripts += 1;
    else sent.set(name, (sent.get(name) ?? 0) + 1);
  });
  const startedAt = performance.now();
  await run();
  await delay(settleMs);
  monitor.disconnect();
  return { seconds: (performance.now() - startedAt) / 1000, sent, inScripts };
}

/** `EVALSHA confirm_session`, or a command with the kind of its key: `GET rate:wrong-dids`. */
function nameCommand(args: readonly string[], { scripts, prefix }: CountedWork): string {
  const command = args[0]!.toUpperCase();
  if (command !== "EVALSHA" && command !== "EVAL") return `${command} ${kindOfKey(args[1] ?? "", prefix)}`.trim();
  return `${command} ${scripts.get(args[1] ?? "") ?? kindOfKey(args[3] ?? "", prefix)}`;
}

/** A key without what is different in each session, device or partition. */
function kindOfKey(key: string, prefix: string): string {
  if (!key.includes(prefix)) return "";
  return key
    .replace(new RegExp(`^${prefix}:`), "")
    .replace(/^\{p\d+\}:/, "")
    .replace(/^\{did:[^}]*\}:/, "")
    .replace(`{${prefix}:queue}:`, "queue ")
    .split(/:(?=[A-Za-z0-9_+-]*(?:zid_|suid_|[A-Za-z0-9_-]{20,}|\d+$))/)[0]!;
}

async function countBytes(redis: Redis, work: CountedWork): Promise<{ bytesIn: number; bytesOut: number }> {
  const idleStart = await readBytes(redis);
  await delay(work.idleSeconds * 1000);
  const before = await readBytes(redis);
  await work.run();
  await delay(settleMs);
  const after = await readBytes(redis);
  const rate = (name: "in" | "out") => (before[name] - idleStart[name]) / (before.at - idleStart.at);
  const each = (name: "in" | "out") =>
    Math.max(0, (after[name] - before[name] - rate(name) * (after.at - before.at)) / work.verifications);
  return { bytesIn: each("in"), bytesOut: each("out") };
}

async function readBytes(redis: Redis): Promise<{ at: number; in: number; out: number }> {
  const stats = await redis.info("stats");
  const value = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(stats)?.[1] ?? 0);
  return { at: performance.now(), in: value("total_net_input_bytes"), out: value("total_net_output_bytes") };
}
