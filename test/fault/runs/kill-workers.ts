import { seededDraw } from "../../../sandbox/faults/seeded-draw.ts";
import type { FaultPlan, FaultReport } from "../fault-run.ts";
import { startMortalRedis } from "../fleet/mortal-redis.ts";
import { startFleet } from "../fleet/start-fleet.ts";
import { runUnderFire } from "../run-under-fire.ts";

/** A random one of three workers is killed every two seconds, and started again; the provider is slow, so that it is in the middle of calls. */
export async function killWorkers(plan: FaultPlan): Promise<FaultReport> {
  await using redis = await startMortalRedis({ appendFsync: "everysec" });
  await using fleet = await startFleet({ redisUrl: redis.url, gateways: 1, workers: 3, callers: 60 });
  fleet.cloud.faults.add({ target: "call_update", kind: "slow", delayMs: 150, rate: 1 });
  const draw = seededDraw(plan.seed);
  return await runUnderFire(fleet, plan, {
    title: "a worker is killed every 2 s",
    everyMs: 2000,
    strike: () => fleet.workers[Math.floor(draw() * fleet.workers.length)]!.killAndStart(),
  });
}
