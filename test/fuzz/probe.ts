import { monitorEventLoopDelay } from "node:perf_hooks";
import { serveCalls } from "../../bench/stack/remote-calls.ts";

/** Milliseconds, the worst since the last question. */
export interface Delays {
  /** How late a timer was. A busy machine makes it late too. */
  stalledMs: number;
  /** How long the main thread worked without coming back to its timers: its own doing, whatever the machine does. */
  busyMs: number;
}

export interface Memory {
  rssBytes: number;
  heapBytes: number;
  /** Members that somebody added to the prototype of all objects. */
  polluted: string[];
}

const resolutionMs = 5;
const stalls = monitorEventLoopDelay({ resolution: resolutionMs });
stalls.enable();
const prototype = Object.getOwnPropertyNames(Object.prototype);
let worstBusyMs = 0;
let before = mainThreadMs();
const tick = setInterval(() => {
  const now = mainThreadMs();
  worstBusyMs = Math.max(worstBusyMs, now - before);
  before = now;
}, resolutionMs);
tick.unref();

function mainThreadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** What happened before is forgotten: a collection that was asked for is nobody's stall. */
function forget(): void {
  stalls.reset();
  worstBusyMs = 0;
  before = mainThreadMs();
}

// Whoever started this has gone, and did not say so: nobody else would stop it.
process.once("disconnect", () => process.exit(0));

/** Loaded into a process by `--import`, so that the production entry itself stays as it is. */
serveCalls({
  delays: (): Delays => {
    const stalledMs = Math.max(0, stalls.max / 1e6 - resolutionMs);
    const busyMs = Math.max(worstBusyMs, mainThreadMs() - before);
    forget();
    return { stalledMs: Math.round(stalledMs), busyMs: Math.round(busyMs) };
  },
  memory: async (): Promise<Memory> => {
    stalls.disable();
    for (let turn = 0; turn < 4; turn += 1) {
      globalThis.gc?.();
      await new Promise((next) => setImmediate(next));
    }
    stalls.enable();
    forget();
    const { rss, heapUsed } = process.memoryUsage();
    const added = Object.getOwnPropertyNames(Object.prototype).filter((name) => !prototype.includes(name));
    return { rssBytes: rss, heapBytes: heapUsed, polluted: added };
  },
});
