import { seededDraw } from "../../../sandbox/faults/seeded-draw.ts";
import type { FaultPlan, FaultReport } from "../fault-run.ts";
import { startMortalRedis } from "../fleet/mortal-redis.ts";
import { startFleet } from "../fleet/start-fleet.ts";
import { runUnderFire } from "../run-under-fire.ts";

/** A random one of three gateways is killed every two seconds, and started again. */
export async function killGateways(plan: FaultPlan): Promise<FaultReport> {
  await using redis = await startMortalRedis({ appendFsync: "everysec" });
  await using fleet = await startFleet({ redisUrl: redis.url, gateways: 3, workers: 1, callers: 40 });
  const draw = seededDraw(plan.seed);
  return await runUnderFire(fleet, plan, {
    title: "a gateway is killed every 2 s",
    sparesIntercepts: true,
    everyMs: 2000,
    strike: () => fleet.gateways[Math.floor(draw() * fleet.gateways.length)]!.killAndStart(),
  });
}
