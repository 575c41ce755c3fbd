import type { FuzzDeployment } from "./deployment.ts";
import { type Finding, type FuzzReport, longestStallMs, type ProcessReport } from "./fuzz-report.ts";
import { LogWatch } from "./watch-log.ts";
import type { WatchedProcess } from "./watched-process.ts";

const everyMs = 1000;

interface Watched {
  process: WatchedProcess;
  log: LogWatch;
  report: ProcessReport;
}

/** Looks at gateway and worker once a second: their event loops, their logs, and whether they live. */
export class Watch {
  readonly #products: Watched[];
  readonly #witness: WatchedProcess;
  readonly #onFinding: (finding: Finding) => void;
  readonly #stalls: FuzzReport["stalls"] = [];
  readonly #timer: NodeJS.Timeout;
  #witnessStalledMs = 0;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(
    { gateway, worker, witness }: FuzzDeployment,
    options: { dids: ReadonlySet<string>; onFinding: (finding: Finding) => void },
  ) {
    this.#witness = witness;
    this.#onFinding = options.onFinding;
    this.#products = [gateway, worker].map((process) => ({
      process,
      log: new LogWatch(process.logPath, options.dids),
      report: { name: process.name, stalledMs: 0, busyMs: 0, memory: [], logLines: 0 },
    }));
    // What the start cost is nobody's stall.
    this.#looking = this.#askDelays().then(() => undefined);
    this.#timer = setInterval(() => void this.#look(), everyMs);
  }

  get worst(): { stalledMs: number; busyMs: number } {
    const reports = this.#products.map(({ report }) => report);
    return {
      stalledMs: Math.max(...reports.map(({ stalledMs }) => stalledMs)),
      busyMs: Math.max(...reports.map(({ busyMs }) => busyMs)),
    };
  }

  /** Whether one of them has ended by itself: nothing that comes after says anything. */
  get over(): boolean {
    return this.#products.some(({ process }) => process.ended !== undefined);
  }

  async measureMemory(share: number): Promise<void> {
    await this.#look();
    for (const { process, report } of this.#products) {
      if (process.ended !== undefined) continue;
      const { rssBytes, heapBytes, polluted } = await process.memory();
      report.memory.push({ share, rssBytes, heapBytes });
      if (polluted.length > 0) this.#find(process.name, `every object has ${polluted.join(", ")} now`);
    }
    await this.#witness.delays();
  }

  report(): Pick<FuzzReport, "processes" | "witnessStalledMs" | "stalls"> {
    for (const { log, report } of this.#products) report.logLines = log.lines;
    return {
      processes: this.#products.map(({ report }) => report),
      witnessStalledMs: this.#witnessStalledMs,
      stalls: this.#stalls,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#look();
  }

  /** One look after another. */
  #look(): Promise<void> {
    this.#looking = this.#looking.then(async () => {
      await this.#lookAtDelays();
      for (const { process, log } of this.#products) {
        for (const { line, why } of log.look()) this.#find(`${process.name}'s log`, `a line ${why}: ${line}`);
      }
    });
    return this.#looking;
  }

  async #lookAtDelays(): Promise<void> {
    const asked = await this.#askDelays();
    if (asked === undefined) return;
    const witnessMs = asked.witness.stalledMs;
    this.#witnessStalledMs = Math.max(this.#witnessStalledMs, witnessMs);
    for (const [index, { stalledMs, busyMs }] of asked.products.entries()) {
      const { report } = this.#products[index]!;
      report.stalledMs = Math.max(report.stalledMs, stalledMs);
      report.busyMs = Math.max(report.busyMs, busyMs);
      if (stalledMs >= longestStallMs) this.#stalls.push({ name: report.name, stalledMs, busyMs, witnessMs });
    }
  }

  async #askDelays() {
    const dead = this.#products.find(({ process }) => process.ended !== undefined);
    if (dead) {
      dead.report.ended ??= dead.process.ended!;
      return undefined;
    }
    try {
      const products = await Promise.all(this.#products.map(({ process }) => process.delays()));
      return { products, witness: await this.#witness.delays() };
    } catch (error) {
      this.#find("watch", (error as Error).message);
      return undefined;
    }
  }

  #find(where: string, message: string): void {
    this.#onFinding({ where, message, sent: "" });
  }
}
