import { startRedisSentinel } from "../../support/start-redis-sentinel.ts";
import { type FaultPlan, type FaultReport, spreadOver } from "../fault-run.ts";
import { startFleet } from "../fleet/start-fleet.ts";
import { runUnderFire } from "../run-under-fire.ts";

/** The primary is killed again and again; sentinels put a replica in its place, and it comes back as a replica. */
export async function failOverSentinel(plan: FaultPlan): Promise<FaultReport> {
  const sentinel = await startRedisSentinel();
  try {
    await using fleet = await startFleet({
      redisUrl: sentinel.url,
      durabilityReplicas: 1,
      ...{ gateways: 2, workers: 2, callers: 60 },
    });
    return await runUnderFire(fleet, plan, {
      title: "the primary of three, behind sentinels, is killed",
      everyMs: spreadOver(plan, { strikes: 10, atLeastMs: 7000 }),
      calmMs: 5000,
      strike: async () => {
        const at = performance.now();
        const old = await sentinel.killPrimary();
        const next = await sentinel.primaryAfter(old);
        const what = `primary ${old.port} killed, ${next.port} in its place ${Math.round(performance.now() - at)} ms later`;
        await sentinel.revive();
        await sentinel.inSync(1);
        return { at, what };
      },
    });
  } finally {
    await sentinel.close();
  }
}
