import type { FaultPlan, FaultReport } from "../fault-run.ts";
import { startMortalRedis } from "../fleet/mortal-redis.ts";
import { startFleet } from "../fleet/start-fleet.ts";
import { runUnderFire } from "../run-under-fire.ts";

/** Gateways and workers are drained with SIGTERM and replaced, one after another, as a rollout does it. */
export async function restartInTurn(plan: FaultPlan): Promise<FaultReport> {
  await using redis = await startMortalRedis({ appendFsync: "everysec" });
  await using fleet = await startFleet({ redisUrl: redis.url, gateways: 2, workers: 2, callers: 40 });
  const members = [...fleet.gateways, ...fleet.workers];
  const drains: { code: number | null; afterMs: number }[] = [];
  let turn = 0;
  const report = await runUnderFire(fleet, plan, {
    title: "rolling restart of gateways and workers",
    everyMs: 1000,
    strike: async () => {
      const member = members[turn++ % members.length]!;
      const { fault, ...drain } = await member.drainAndStart();
      drains.push(drain);
      return fault;
    },
  });
  const slow = drains.filter(({ code, afterMs }) => code !== 0 || afterMs > 10_000);
  report.violations.push(...slow.map(({ code, afterMs }) => `a drain ended with ${code} after ${afterMs} ms`));
  report.seen.push(`the slowest drain took ${Math.max(...drains.map(({ afterMs }) => afterMs))} ms`);
  return report;
}
