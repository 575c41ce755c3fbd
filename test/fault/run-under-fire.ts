import { setTimeout as delay } from "node:timers/promises";
import { waitFor } from "../support/wait-for.ts";
import type { FaultPlan, FaultReport } from "./fault-run.ts";
import { countAttempts } from "./fleet/count-attempts.ts";
import type { Fleet } from "./fleet/start-fleet.ts";
import type { Histories } from "./history/call-history.ts";
import { checkAudit } from "./history/check-audit.ts";
import { checkHistory, type InjectedFault, isUnderWay } from "./history/check-history.ts";
import { describeVerdict } from "./history/describe-verdict.ts";
import { type CallPlan, runCalls } from "./load/run-calls.ts";

export interface Fire {
  title: string;
  /** Milliseconds from one strike to the next; more when healing takes longer. */
  everyMs: number;
  /** The same from healing to the next strike, for what nothing works without. Default 0. */
  calmMs?: number;
  /** No more strikes that meet a call under way than this. Default: as long as there are calls. */
  most?: number;
  /** Does one fault and heals it; answers what it did and when. */
  strike(): Promise<InjectedFault>;
  /** Workers and provider are left alone: then no arrival is repeated but after an attempt whose outcome nobody knew, or recorded. */
  sparesIntercepts?: boolean;
}

/** A machine that is too slow for the faults makes a run longer, up to so many times its calls. */
const longestRun = 5;

/**
 * Lets calls go through a fleet that is struck again and again meanwhile, and judges what came of them. There are as many
 * calls as planned, and more when by then too few faults have met one under way.
 */
export async function runUnderFire(fleet: Fleet, plan: FaultPlan, fire: Fire): Promise<FaultReport> {
  const { callers, histories } = fleet;
  const startedAt = performance.now();
  const inTime = Math.floor((plan.confirmations * 1000) / plan.ratePerSecond / fire.everyMs / 2);
  const strikes = new Strikes(fire, histories);
  const wanted = Math.max(1, Math.min(inTime, fire.most ?? inTime));
  const calls: CallPlan = {
    ratePerSecond: plan.ratePerSecond,
    goesOn: (made) => made < plan.confirmations || (strikes.met < wanted && made < plan.confirmations * longestRun),
  };
  const over = new AbortController();
  let done = 0;
  const tell = (what: string) =>
    plan.print(`  ${seconds(startedAt)} s: ${done} calls, ${strikes.faults.length} faults${what}`);
  const onDone = () => {
    done += 1;
    if (done % 500 === 0) tell("");
  };
  const burning = strikes.goOn(over.signal);
  // A strike that fails ends the run; one that was the last does not.
  await Promise.race([runCalls(callers, calls, onDone), burning.then(() => new Promise<never>(() => undefined))]);
  over.abort();
  await burning;
  tell("; waiting until every intercept is settled");
  await settle(fleet);
  const verdict = checkHistory(histories.all, strikes.faults);
  const audit = await checkAudit(fleet.environment, histories.all);
  const { unknown = 0, unrecorded = 0 } = fire.sparesIntercepts
    ? await countAttempts(fleet)
    : { unknown: verdict.repeatedArrivals };
  return {
    title: fire.title,
    seconds: seconds(startedAt),
    happened: [`${strikes.faults.length} times`, `${verdict.underWay} calls were under way`],
    seen: [...describeVerdict(verdict), `${audit.entries} entries of the audit trail verified`],
    violations: [
      ...verdict.violations,
      ...audit.violations,
      ...(strikes.met < wanted ? [`only ${strikes.met} of ${wanted} faults met a call under way`] : []),
      ...(verdict.repeatedArrivals > unknown + unrecorded
        ? [`${verdict.repeatedArrivals} arrivals repeated without a cause`]
        : []),
    ],
  };
}

class Strikes {
  readonly faults: InjectedFault[] = [];
  /** Faults that struck while a call was between its proof and its arrival. */
  met = 0;
  readonly #fire: Fire;
  readonly #histories: Histories;

  constructor(fire: Fire, histories: Histories) {
    this.#fire = fire;
    this.#histories = histories;
  }

  /** Ends with the signal; rejects when a strike fails. */
  async goOn(signal: AbortSignal): Promise<void> {
    const { everyMs, most = Number.POSITIVE_INFINITY, calmMs = 0, strike } = this.#fire;
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    let dueAt = performance.now() + everyMs;
    while (!signal.aborted && this.met < most) {
      await delay(Math.max(0, dueAt - performance.now()), undefined, { signal }).catch(() => undefined);
      dueAt = performance.now() + everyMs;
      // A call is over within milliseconds. Every second strike waits for one that begins, the others come at any moment.
      if (this.faults.length % 2 === 0) await Promise.race([this.#histories.nextProof(), aborted]);
      if (signal.aborted) return;
      const fault = await strike();
      this.faults.push(fault);
      if (this.#histories.all.some((call) => isUnderWay(call, fault.at))) this.met += 1;
      dueAt = Math.max(dueAt, performance.now() + calmMs);
    }
  }
}

/** Reads every session again and again until none owes anything, or the longest time that one may have passed. */
async function settle({ callers, histories }: Fleet): Promise<void> {
  const unsettled = new Set(histories.all);
  const look = async () => {
    const batch = [...unsettled].slice(0, 200);
    await Promise.all(batch.map((call, index) => callers[index % callers.length]!.readEnd(call)));
    for (const call of batch) {
      if (call.end?.status !== "pending" && call.end?.intercept !== "pending") unsettled.delete(call);
    }
    return unsettled.size === 0;
  };
  // Who is not settled then is found by the check.
  await waitFor("every session is settled", look, { withinMs: 100_000, everyMs: 20 }).catch(() => undefined);
}

const seconds = (since: number): number => Math.round((performance.now() - since) / 100) / 10;
