import type { KeyCount } from "./count-keys.ts";

export interface EntranceReport {
  name: string;
  inputs: number;
  /** How long its inputs were under way, all together. */
  laneMs: number;
  outcomes: Record<string, number>;
}

export interface Finding {
  where: string;
  /** Of the input; absent when it is not known which one it was. */
  index?: number;
  message: string;
  sent: string;
}

export interface ProcessReport {
  name: string;
  /** How late its timers were at worst, and for how long at worst its main thread did not come back to them. */
  stalledMs: number;
  busyMs: number;
  /** At 10, 50 and 100 % of the inputs, after garbage collection. */
  memory: { share: number; rssBytes: number; heapBytes: number }[];
  logLines: number;
  /** How it ended, when it did so by itself. */
  ended?: string;
}

export interface FuzzReport {
  seed: number;
  inputs: number;
  seconds: number;
  entrances: EntranceReport[];
  /** At most a hundred; `findingCount` counts all. */
  findings: Finding[];
  findingCount: number;
  /** Answers and refusals that say `unavailable`: Redis was there all the time. */
  unavailable: number;
  processes: ProcessReport[];
  /** How late the timers of a process were that did nothing: what the machine adds to every figure. */
  witnessStalledMs: number;
  /** Seconds in which a process was stalled above 200 ms. */
  stalls: { name: string; stalledMs: number; busyMs: number; witnessMs: number }[];
  keys: KeyCount;
  /** Requests that the worker made of the hostile provider, by kind. */
  providerAnswers: Record<string, number>;
}

export const longestStallMs = 200;
/** On a machine that keeps an idle process waiting for so long, a question to Redis may take longer than anybody waits for it. */
const excusingStallMs = 500;
const megabyte = 1024 * 1024;

/** Everything that must not be, one line each; empty for a good run. */
export function judge(report: FuzzReport): string[] {
  return [...judgeAnswers(report), ...judgeMemory(report), ...judgeWork(report), ...judgeStalls(report)];
}

/** What the inputs found: answers, ends of processes, log lines, keys. */
export function judgeAnswers(report: FuzzReport): string[] {
  const faults = report.findings.map(({ where, index, message }) => {
    const replay = index === undefined ? "" : ` [replay: --seed ${report.seed} --only ${index}]`;
    return `${where}: ${message}${replay}`;
  });
  for (const { ended } of report.processes) if (ended !== undefined) faults.unshift(ended);
  if (report.unavailable > 0 && report.witnessStalledMs < excusingStallMs)
    faults.push(`${report.unavailable} times unavailable, and Redis was there`);
  if (report.keys.strays.length > 0) faults.push(`keys that should not be: ${report.keys.strays.join(", ")}`);
  return faults;
}

export function judgeMemory({ processes }: FuzzReport): string[] {
  return processes.flatMap(({ name, memory }) => {
    const [first, , last] = memory;
    const growth = Math.round(((last?.heapBytes ?? 0) - (first?.heapBytes ?? 0)) / megabyte);
    const rss = Math.round((last?.rssBytes ?? 0) / megabyte);
    return [
      ...(growth > mostHeapGrowthMb ? [`the heap of ${name} grew by ${growth} MB`] : []),
      ...(rss > mostRssMb ? [`${name} holds ${rss} MB`] : []),
    ];
  });
}

/** A process' own work: what no other process on the machine can be blamed for. */
export function judgeWork({ processes }: FuzzReport): string[] {
  return processes
    .filter(({ busyMs }) => busyMs >= longestStallMs)
    .map(({ name, busyMs }) => `${name} worked ${busyMs} ms without coming back to its event loop`);
}

/** How late timers were by the clock, on a machine that has nothing else to do: a busy one makes everybody late. */
export function judgeStalls({ stalls }: FuzzReport): string[] {
  return stalls
    .filter(({ stalledMs, witnessMs }) => witnessMs < stalledMs / 2)
    .map(
      ({ name, stalledMs, witnessMs }) =>
        `${name} was stalled for ${stalledMs} ms, an idle process for ${witnessMs} ms`,
    );
}

/** Caches fill up at first: a thousand devices' keys, sessions that are waited for, codes of the compiler. */
const mostHeapGrowthMb = 48;
/** Most of it is what the allocator keeps for the next burst; twelve times the heap would be a leak outside of it. */
const mostRssMb = 600;

/** The table of a run, for a terminal. */
export function describeReport(report: FuzzReport): string {
  const rows = report.entrances.map(({ name, inputs, laneMs, outcomes }) => {
    const most = Object.entries(outcomes).sort(([, a], [, b]) => b - a);
    const shown = most.slice(0, 14).map(([label, count]) => `${label} ${count}`);
    return `${name.padEnd(32)} ${String(inputs).padStart(8)} ${String(Math.round(laneMs / Math.max(inputs, 1))).padStart(5)} ms  ${shown.join(", ")}${most.length > 14 ? ", …" : ""}`;
  });
  const processes = report.processes.map(({ name, stalledMs, busyMs, memory, logLines }) => {
    const at = memory.map(({ share, rssBytes, heapBytes }) => `${share * 100} %: ${mb(rssBytes)}/${mb(heapBytes)}`);
    return `${name.padEnd(8)} worst delay ${stalledMs} ms, own work ${busyMs} ms; RSS/heap MB ${at.join(", ")}; ${logLines} log lines`;
  });
  const { keys } = report;
  return [
    `seed ${report.seed}: ${report.inputs} inputs in ${report.seconds} s (${Math.round(report.inputs / report.seconds)}/s)`,
    ...rows,
    ...processes,
    `idle process: worst delay ${report.witnessStalledMs} ms`,
    `Redis: ${mb(keys.redisBytes)} MB, ${keys.total} keys: ${JSON.stringify(keys.kinds)}`,
    `provider: ${JSON.stringify(report.providerAnswers)}`,
    `unavailable: ${report.unavailable}; findings: ${report.findingCount}`,
  ].join("\n");
}

function mb(bytes: number): number {
  return Math.round(bytes / megabyte);
}
