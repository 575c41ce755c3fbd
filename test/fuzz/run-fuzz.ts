import { waitFor } from "../support/wait-for.ts";
import { countKeys, countOwed } from "./count-keys.ts";
import { type FuzzDeployment, startFuzzDeployment } from "./deployment.ts";
import { type Entrance, FuzzFinding } from "./entrance.ts";
import { openEntrances, pickEntrance } from "./entrances.ts";
import type { EntranceReport, Finding, FuzzReport } from "./fuzz-report.ts";
import { HttpConnections } from "./http-exchange.ts";
import { LiveState } from "./live-state.ts";
import { FuzzRandom } from "./random.ts";
import { Watch } from "./watch.ts";

export interface FuzzOptions {
  inputs: number;
  seed: number;
  /** Index of the first input, to replay a part of a run. Default 0. */
  from?: number;
  /** Heard every few seconds. */
  onProgress?: (progress: FuzzProgress) => void;
}

export interface FuzzProgress {
  done: number;
  inputs: number;
  perSecond: number;
  findings: readonly Finding[];
  stalledMs: number;
  busyMs: number;
}

/** Inputs under way at once: polls and held answers among them wait for a second. */
const lanes = 32;
/** Where memory is measured. */
const shares = [0.1, 0.5, 1];
const progressEveryMs = 5000;
const mostFindings = 100;
const inputDeadlineMs = 90_000;

/**
 * Sends `inputs` inputs, each made from the seed and its index alone, to a gateway and a worker that run as in
 * production, watches them meanwhile, and reports. Nothing is thrown for what the inputs find: `judge` says it.
 */
export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { inputs, seed, from = 0 } = options;
  const deployment = await startFuzzDeployment(seed);
  const connections = new HttpConnections(deployment.gateway.port);
  const live = new LiveState({ connections, port: deployment.gateway.port, seed });
  const run = new FuzzRun(openEntrances(deployment.core, deployment.jobs), live);
  const watch = new Watch(deployment, { dids: live.dids, onFinding: (finding) => run.note(finding) });
  const startedAt = performance.now();
  const progress = setInterval(() => {
    const perSecond = Math.round((run.done / (performance.now() - startedAt)) * 1000);
    options.onProgress?.({ done: run.done, inputs, perSecond, findings: run.findings, ...watch.worst });
  }, progressEveryMs);
  try {
    let next = from;
    for (const share of shares) {
      const end = from + Math.round(inputs * share);
      await run.sendAll({ from: next, end }, () => watch.over);
      await watch.measureMemory(share);
      next = end;
    }
    const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
    await settle(deployment, run);
    const keys = await countKeys(deployment.core);
    live.close();
    connections.close();
    await watch.close();
    return {
      seed,
      inputs,
      seconds,
      ...run.report(),
      ...watch.report(),
      keys,
      providerAnswers: Object.fromEntries(deployment.provider.answered),
    };
  } finally {
    clearInterval(progress);
    live.close();
    connections.close();
    await watch.close();
    await deployment.close();
  }
}

/** Whatever the provider answered, each intercept comes to its end; and the gateway serves on. */
async function settle(deployment: FuzzDeployment, run: FuzzRun): Promise<void> {
  try {
    await waitFor("no intercept is owed any more", async () => (await countOwed(deployment.core)) === 0, {
      withinMs: 20_000,
      everyMs: 100,
    });
    const connections = new HttpConnections(deployment.gateway.port);
    const { answers } = await connections.exchange({ method: "GET", target: "/readyz", headers: [["Host", "x"]] });
    connections.close();
    if (answers[0]?.status !== 200) throw new Error(`the gateway is not ready afterwards: ${answers[0]?.body}`);
  } catch (error) {
    run.note({ where: "afterwards", message: (error as Error).message, sent: "" });
  }
}

class FuzzRun {
  readonly #entrances: readonly Entrance[];
  readonly #live: LiveState;
  readonly #reports: Map<string, EntranceReport>;
  readonly findings: Finding[] = [];
  done = 0;
  #findingCount = 0;

  constructor(entrances: readonly Entrance[], live: LiveState) {
    this.#entrances = entrances;
    this.#live = live;
    this.#reports = new Map(entrances.map(({ name }) => [name, { name, inputs: 0, laneMs: 0, outcomes: {} }]));
  }

  note(finding: Finding): void {
    this.#findingCount += 1;
    if (this.findings.length < mostFindings) this.findings.push(finding);
  }

  /** Sends the inputs of these indexes, many at once, and waits for the last one. */
  async sendAll({ from, end }: { from: number; end: number }, isOver: () => boolean): Promise<void> {
    let next = from;
    const lane = async () => {
      while (next < end && !isOver()) {
        next += 1;
        await this.#send(next - 1);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  report(): Pick<FuzzReport, "entrances" | "findings" | "findingCount" | "unavailable"> {
    const entrances = [...this.#reports.values()];
    const unavailable = entrances
      .flatMap(({ outcomes }) => Object.entries(outcomes))
      .filter(([label]) => /(?:^|, )(?:unavailable|503)/.test(label))
      .reduce((sum, [, count]) => sum + count, 0);
    return { entrances, findings: this.findings, findingCount: this.#findingCount, unavailable };
  }

  async #send(index: number): Promise<void> {
    const { seed } = this.#live;
    const random = new FuzzRandom(seed, index);
    const entrance = pickEntrance(this.#entrances, random);
    const report = this.#reports.get(entrance.name)!;
    const startedAt = performance.now();
    let label: string;
    try {
      label = await inTime(entrance.run({ seed, index, random, live: this.#live }));
    } catch (error) {
      label = "FINDING";
      const sent = error instanceof FuzzFinding ? error.sent : "";
      const message = error instanceof FuzzFinding ? error.message : String((error as Error).stack);
      this.note({ where: entrance.name, index, message, sent });
    }
    report.inputs += 1;
    report.laneMs += performance.now() - startedAt;
    report.outcomes[label] = (report.outcomes[label] ?? 0) + 1;
    this.done += 1;
  }
}

/** Everything that an input waits for has a deadline of its own; one that was forgotten must not hold up the run. */
async function inTime(running: Promise<string>): Promise<string> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new FuzzFinding("the input did not come to an end")), inputDeadlineMs);
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}
