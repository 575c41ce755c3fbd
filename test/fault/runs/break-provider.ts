import type { FaultPlan, FaultReport } from "../fault-run.ts";
import { startMortalRedis } from "../fleet/mortal-redis.ts";
import { startFleet } from "../fleet/start-fleet.ts";
import { runUnderFire } from "../run-under-fire.ts";

/**
 * The voice cloud's REST API answers 30 % of the updates with 500, does 5 % of them and answers after the worker has
 * given up, and refuses in bursts with 429 and `Retry-After`.
 */
export async function breakProvider(plan: FaultPlan): Promise<FaultReport> {
  await using redis = await startMortalRedis({ appendFsync: "everysec" });
  await using fleet = await startFleet({ redisUrl: redis.url, gateways: 1, workers: 2, callers: 150 });
  const { faults } = fleet.cloud;
  const failing = faults.add({ target: "call_update", kind: "500", rate: 0.3, seed: plan.seed });
  const late = faults.add({
    target: "call_update",
    kind: "lateSuccess",
    rate: 0.05,
    delayMs: 8000,
    seed: plan.seed + 1,
  });
  const refused = () => faults.faults.filter(({ kind }) => kind === "429").reduce((sum, one) => sum + one.injected, 0);
  const report = await runUnderFire(fleet, plan, {
    title: "the provider fails: 30 % of 500, 5 % of late successes, bursts of 429",
    everyMs: 3000,
    // A fifth of the calls at most: a provider that refuses for longer than a call can profit loses it.
    most: Math.max(1, Math.floor(plan.confirmations / 100)),
    strike: async () => {
      faults.add({ target: "call_update", kind: "429", times: 20, retryAfterSeconds: 1 });
      return { at: performance.now(), what: "the next 20 updates are refused with 429" };
    },
  });
  report.happened.push(`${failing.injected} × 500`, `${late.injected} late successes`, `${refused()} × 429`);
  return report;
}
