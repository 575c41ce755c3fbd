import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

const ticksPerSecond = 100;

interface MachineTime {
  at: number;
  /** Seconds of CPU that the whole machine has spent on something. */
  busy: number;
  /** Of it this process and those of its children that have ended. */
  own: number;
}

/**
 * How much of the machine others used between two moments, as a share of all cores: what makes figures worthless, and
 * what a load average tells too late. Between the two, everything that was started here must have ended.
 */
export function watchOthers(): () => number {
  const before = readTimes();
  return () => {
    const after = readTimes();
    const others = after.busy - before.busy - (after.own - before.own);
    return Math.min(1, Math.max(0, others / ((after.at - before.at) / 1000) / cpus().length));
  };
}

const lookMs = 1500;
const quietLooks = 3;
/** Others may use this share of the machine; a kernel and its timers use some of it themselves. */
export const quietShare = 0.05;

/** Waits until the machine has been quiet for a few seconds, at most so long; returns whether it is. */
export async function waitForQuiet(patienceSeconds: number): Promise<boolean> {
  const deadline = performance.now() + patienceSeconds * 1000;
  let quiet = 0;
  while (performance.now() < deadline) {
    const share = watchOthers();
    await delay(lookMs);
    quiet = share() <= quietShare ? quiet + 1 : 0;
    if (quiet >= quietLooks) return true;
  }
  return false;
}

function readTimes(): MachineTime {
  return { at: performance.now(), busy: readBusySeconds(), own: readOwnSeconds() };
}

/** proc(5): user, nice, system, idle, iowait, irq, softirq, steal; idle and iowait are not busy. */
function readBusySeconds(): number {
  const fields = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]!.split(/\s+/).slice(1, 9).map(Number);
  return fields.reduce((sum, ticks, index) => (index === 3 || index === 4 ? sum : sum + ticks), 0) / ticksPerSecond;
}

/** utime, stime, and those of children that were waited for: cutime and cstime. */
function readOwnSeconds(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
}
