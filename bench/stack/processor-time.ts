import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** Linux' clock ticks a second, as user space sees them: fixed at 100. */
const ticksPerSecond = 100;

/** CPU time, user and system, that the processes have used so far, all threads, in milliseconds. */
export function processorMs(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    // proc(5): after the name in parentheses utime is the 12th field and stime the 13th.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return (ticks * 1000) / ticksPerSecond;
}

/** What the processes spend while `work` runs, and a little after: what follows an answer belongs to it. */
export async function spentMs<Result>(
  pids: readonly number[],
  work: () => Promise<Result>,
): Promise<{ result: Result; cpuMs: number }> {
  const before = processorMs(pids);
  const result = await work();
  await delay(300);
  return { result, cpuMs: processorMs(pids) - before };
}
