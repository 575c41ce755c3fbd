import { startRedisCluster } from "../../support/start-redis-cluster.ts";
import { type FaultPlan, type FaultReport, spreadOver } from "../fault-run.ts";
import { startFleet } from "../fleet/start-fleet.ts";
import { runUnderFire } from "../run-under-fire.ts";

/** One primary of a cluster of three is killed; its replica takes its slots, and it comes back as a replica. */
export async function failOverCluster(plan: FaultPlan): Promise<FaultReport> {
  const cluster = await startRedisCluster({ masters: 3, replicas: 1 });
  try {
    await cluster.inSync(1);
    await using fleet = await startFleet({
      redisUrl: cluster.url,
      durabilityReplicas: 1,
      ...{ gateways: 2, workers: 2, callers: 60 },
    });
    return await runUnderFire(fleet, plan, {
      title: "a primary of a cluster of three is killed",
      everyMs: spreadOver(plan, { strikes: 3, atLeastMs: 8000 }),
      calmMs: 5000,
      strike: async () => {
        const at = performance.now();
        const old = await cluster.killPrimary();
        await cluster.healed();
        const what = `primary ${old.port} killed, every slot served again ${Math.round(performance.now() - at)} ms later`;
        await cluster.revive();
        await cluster.inSync(1);
        return { at, what };
      },
    });
  } finally {
    await cluster.close();
  }
}
