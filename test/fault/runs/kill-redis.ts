import type { FaultPlan, FaultReport } from "../fault-run.ts";
import { startMortalRedis } from "../fleet/mortal-redis.ts";
import { startFleet } from "../fleet/start-fleet.ts";
import { runUnderFire } from "../run-under-fire.ts";

/** The only Redis is killed five seconds after it came back, again and again, and started on its append-only file. */
export async function killRedis(plan: FaultPlan): Promise<FaultReport> {
  await using redis = await startMortalRedis({ appendFsync: "always" });
  await using fleet = await startFleet({ redisUrl: redis.url, gateways: 2, workers: 2, callers: 60 });
  return await runUnderFire(fleet, plan, {
    title: "the standalone Redis is killed 5 s after it came back, again and again",
    sparesIntercepts: true,
    everyMs: 5000,
    calmMs: 5000,
    strike: () => redis.killAndStart(),
  });
}
