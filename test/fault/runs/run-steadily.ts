import { setTimeout as delay } from "node:timers/promises";
import { createConnections } from "../../../core/redis/connections.ts";
import type { FaultPlan, FaultReport } from "../fault-run.ts";
import { growthOf, type Holdings, measureHoldings } from "../fleet/measure-growth.ts";
import { startMortalRedis } from "../fleet/mortal-redis.ts";
import { type Fleet, startFleet } from "../fleet/start-fleet.ts";
import { checkHistory } from "../history/check-history.ts";
import { describeVerdict } from "../history/describe-verdict.ts";
import { runCalls } from "../load/run-calls.ts";

const ratePerSecond = 25;
const growthLimit = 0.05;
/** A process has a few dozen descriptors: one connection more or less is no leak. */
const descriptorsToSpare = 4;
/** What is kept for longer than the first two fifths of the run would still be filling up in the rest. */
const shortMemory = { CALLSEAL_SESSION_RETENTION_SECONDS: "130", CALLSEAL_OUTBOX_LIMIT: "1000" };

/** The same load for half an hour, and nothing else: what a deployment holds at its end is what it held before. */
export async function runSteadily(plan: FaultPlan): Promise<FaultReport> {
  await using redis = await startMortalRedis({ appendFsync: "everysec" });
  await using fleet = await startFleet({
    redisUrl: redis.url,
    environment: shortMemory,
    probed: true,
    ...{ gateways: 2, workers: 2, callers: 40, ttlSeconds: 10 },
  });
  const startedAt = performance.now();
  const connections = createConnections(redis.url, () => undefined);
  const samples: Holdings[] = [];
  const over = new AbortController();
  const members = [...fleet.gateways, ...fleet.workers];
  const everyMs = (plan.minutes * 60_000) / 100;
  const measuring = (async () => {
    const client = connections.open("commands");
    while (!over.signal.aborted) {
      samples.push(await measureHoldings(members, client));
      if (samples.length % 10 === 0) plan.print(`  ${samples.length} % of ${plan.minutes} minutes`);
      await delay(everyMs, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  const confirmations = Math.round(plan.minutes * 60 * ratePerSecond);
  await runCalls(fleet.callers, { goesOn: (calls) => calls < confirmations, ratePerSecond }, () => undefined);
  over.abort();
  await measuring;
  await connections.close();
  return judge(fleet, samples, (performance.now() - startedAt) / 1000);
}

async function judge(fleet: Fleet, samples: readonly Holdings[], seconds: number): Promise<FaultReport> {
  const last = samples.at(-1) ?? {};
  const growth = Object.entries(growthOf(samples));
  const bounded = growth.filter(([name]) => !/by design|audit/.test(name));
  const grew = ([name, share]: [string, number]) =>
    share > growthLimit &&
    !(/descriptors$/.test(name) && last[name]! - last[name]! / (1 + share) <= descriptorsToSpare);
  const percent = (share: number) => `${share >= 0 ? "+" : ""}${(share * 100).toFixed(1)} %`;
  const told = growth.map(([name, share]) => `${name} ${last[name]} (${percent(share)})`);
  // Sessions are gone by now, as they should be: what their clients saw is what counts.
  const verdict = checkHistory(fleet.histories.all.map((call) => ({ ...call, end: endAsHeard(call) })));
  return {
    title: `${ratePerSecond} calls a second, and no fault`,
    seconds: Math.round(seconds),
    happened: [`${samples.length} samples`],
    seen: [...describeVerdict(verdict), ...told],
    violations: [
      ...verdict.violations,
      ...bounded.filter(grew).map(([name, share]) => `${name} grew by ${percent(share)}`),
    ],
  };
}

const endAsHeard = ({ polled = "pending" }: { polled?: string }) => ({ status: polled, intercept: "succeeded" });
