import { setTimeout as delay } from "node:timers/promises";
import { startRedisCluster } from "../../test/support/start-redis-cluster.ts";
import type { Figure, FigureContext, Row } from "../figure.ts";
import { type Line, lineThrough } from "../measure/slope.ts";
import { enrolDevices } from "../stack/enrol-devices.ts";
import { processorMs } from "../stack/processor-time.ts";
import type { RemoteCalls } from "../stack/remote-calls.ts";
import { type Members, startDeployment, startMembers } from "../stack/start-deployment.ts";
import { startLoad } from "../stack/start-load.ts";

const each = 2;
const shards = 3;
/** The outbox's readers have done what they gathered, and Redis has written it. */
const settleMs = 500;

/** A deployment, and the processes whose CPU is counted together, by what they are. */
interface Side {
  name: string;
  groups: Readonly<Record<string, readonly number[]>>;
}

/**
 * P11: what one more verification a second costs each part, over one Redis and over a cluster of three: the slopes of the
 * capacity model. Time that passes without verifications is not in a slope.
 */
export const redisCluster: Figure = {
  id: "P11",
  title: "CPU of one more verification a second, over one Redis and a cluster of three",
  async measure(context) {
    const { rates } = context.plan.slope;
    const load = await startLoad(context);
    const providerUrl = await load.call<string>("providerUrl");
    const members = { gateways: each, workers: each, providerUrl };
    context.progress("starting one Redis, a cluster of three, and a deployment over each");
    const single = await startDeployment(context, members);
    const cluster = await startRedisCluster({ masters: shards, settings: { appendonly: "yes", hz: "10" } });
    context.closeAfter(cluster.close);
    const sharded = await startMembers(context, cluster.url, members);
    const sides: Side[] = [
      { name: "one Redis", groups: { ...groupsOf(single), Redis: [single.redis.pid] } },
      {
        name: "cluster",
        groups: {
          ...groupsOf(sharded),
          Redis: cluster.nodes.map(({ pid }) => pid),
          ...Object.fromEntries(cluster.nodes.map(({ pid }, index) => [`shard ${index + 1}`, [pid]])),
        },
      },
    ];
    await open(context, { load, name: "one Redis", members: single });
    await open(context, { load, name: "cluster", members: sharded });
    const lines = new Map<string, Line>();
    const points = new Map<string, { x: number; y: number }[]>();
    for (const [turn, ratePerSecond] of rates.entries()) {
      context.progress(`${ratePerSecond} verifications a second over each`);
      // In turn, and who begins changes: what the machine does meets both alike.
      for (const { name, groups } of turn % 2 === 0 ? sides : sides.toReversed()) {
        const spent = await measureRate(context, { load, name, groups, ratePerSecond });
        for (const [group, us] of Object.entries(spent)) {
          const own = points.get(`${name}: ${group}`) ?? [];
          points.set(`${name}: ${group}`, [...own, { x: ratePerSecond, y: us }]);
        }
      }
    }
    for (const { name, groups } of sides) {
      for (const group of Object.keys(groups)) {
        const line = `${name}: ${group}`;
        lines.set(line, lineThrough(points.get(line)!));
      }
    }
    const samples = rates.reduce((sum, rate) => sum + countOf(context, rate), 0);
    const fits = [...lines.values()].map(({ fit }) => fit);
    const redis = lines.get("cluster: Redis")!.slope;
    const share = (shard: number) => Math.round((lines.get(`cluster: shard ${shard}`)!.slope / redis) * 100);
    return {
      rows: [...lines].map(([name, { slope }]) => row(name, slope, samples)),
      goals: [],
      notes: [
        `${each} gateways and ${each} workers over each; ${rates.join(", ")} verifications a second, open loop, ${context.plan.slope.seconds} s each; a row is the slope of CPU over rate, by least squares.`,
        `The lines explain ${Math.round(Math.min(...fits) * 1000) / 10} % of the variance or more.`,
        `Of the cluster's CPU the shards have ${[1, 2, 3].map((shard) => `${share(shard)} %`).join(", ")}: one tenant's codes, and each queue, live in one slot.`,
      ],
    };
  },
};

const groupsOf = ({ gateways, workers }: Members) => ({
  gateways: gateways.map(({ pid }) => pid),
  workers: workers.map(({ pid }) => pid),
});

async function open(
  context: FigureContext,
  { load, name, members }: { load: RemoteCalls; name: string; members: Members },
): Promise<void> {
  const { concurrency } = context.plan.throughput;
  const { access, gateways } = members;
  const devices = await enrolDevices(access, concurrency);
  const gatewayUrls = gateways.map(({ url }) => url);
  await load.call("openVerifications", { name, access, devices, gatewayUrls, provider: "twilio" });
  context.progress(`${name}: warming up`);
  await load.call("runVerifications", { name, seconds: context.plan.slope.warmUpSeconds, concurrency });
}

const countOf = (context: FigureContext, rate: number): number => Math.round(rate * context.plan.slope.seconds);

/** The CPU time of each group in microseconds, for each second of the load. */
async function measureRate(
  context: FigureContext,
  measured: Side & { load: RemoteCalls; ratePerSecond: number },
): Promise<Record<string, number>> {
  const { load, name, groups, ratePerSecond } = measured;
  const { seconds } = context.plan.slope;
  const spent = () => Object.entries(groups).map(([group, pids]) => [group, processorMs(pids)] as const);
  const before = new Map(spent());
  await load.call("runVerificationsAt", { name, count: countOf(context, ratePerSecond), ratePerSecond });
  await delay(settleMs);
  return Object.fromEntries(spent().map(([group, ms]) => [group, ((ms - before.get(group)!) * 1000) / seconds]));
}

function row(name: string, us: number, samples: number): Row {
  return { name, unit: "us CPU", value: us, spread: { least: us, most: us }, rounds: 1, samples };
}
