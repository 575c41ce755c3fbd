import type { Figure, FigureContext } from "../figure.ts";
import { ratioGoal, valueRow } from "../measure/rounds.ts";
import { enrolDevices } from "../stack/enrol-devices.ts";
import { processorMs, spentMs } from "../stack/processor-time.ts";
import type { RemoteCalls } from "../stack/remote-calls.ts";
import { type Deployment, startDeployment } from "../stack/start-deployment.ts";
import { startLoad } from "../stack/start-load.ts";
import { storeSessions } from "../stack/store-sessions.ts";

interface Costs {
  gatewayUs: number[];
  redisUs: number[];
  together: number[];
}

/** P7: whether an operation's cost depends on how many sessions are stored. */
export const storedSessions: Figure = {
  id: "P7",
  title: "CPU of a verification at growing numbers of stored sessions",
  async measure(context) {
    const { rounds, levels } = context.plan.stored;
    const { concurrency } = context.plan.throughput;
    const load = await startLoad(context);
    const deployment = await startDeployment(context, { appendOnly: false });
    const { access, gateways } = deployment;
    const devices = await enrolDevices(access, concurrency);
    const gatewayUrls = gateways.map(({ url }) => url);
    await load.call("openVerifications", { name: "ours", access, devices, gatewayUrls, provider: "generic" });
    const costs = levels.map((): Costs => ({ gatewayUs: [], redisUs: [], together: [] }));
    let stored = 0;
    for (const [index, level] of levels.entries()) {
      context.progress(`storing ${(level - stored).toLocaleString("en-US")} sessions`);
      await storeSessions(access, level - stored);
      stored = level;
      if (index === 0) await load.call("runVerifications", { name: "ours", seconds: 2, concurrency });
      context.progress(`${rounds} rounds at ${level.toLocaleString("en-US")} stored sessions`);
      for (let round = 0; round < rounds; round += 1)
        await measureRound(context, { load, deployment, costs: costs[index]! });
    }
    const name = (level: number) => level.toLocaleString("en-US");
    return {
      rows: levels.flatMap((level, index) => [
        valueRow(`gateway and Redis at ${name(level)}`, "us CPU", costs[index]!.together),
        valueRow(`of it Redis at ${name(level)}`, "us CPU", costs[index]!.redisUs),
      ]),
      goals: levels
        .slice(1)
        .map((level, index) =>
          ratioGoal(
            `at ${name(level)} / at ${name(levels[0]!)}`,
            { ours: costs[index + 1]!.together, reference: costs[0]!.together },
            { atMost: 1.1 },
          ),
        ),
      notes: [
        "Create, claim, confirm, poll answered, timeout job removed; no worker. Redis without append-only file.",
        "Stored sessions are confirmed ones with their calls, written directly: the fields that the scripts leave.",
      ],
    };
  },
};

async function measureRound(
  context: FigureContext,
  parts: { load: RemoteCalls; deployment: Deployment; costs: Costs },
): Promise<void> {
  const { load, deployment, costs } = parts;
  const { seconds } = context.plan.stored;
  const { concurrency } = context.plan.throughput;
  const gatewayPid = deployment.gateways[0]!.pid;
  const before = processorMs([gatewayPid]);
  const { result, cpuMs } = await spentMs([gatewayPid, deployment.redis.pid], () =>
    load.call<{ done: number }>("runVerifications", { name: "ours", seconds, concurrency }),
  );
  const gatewayMs = processorMs([gatewayPid]) - before;
  costs.together.push((cpuMs * 1000) / result.done);
  costs.gatewayUs.push((gatewayMs * 1000) / result.done);
  costs.redisUs.push(((cpuMs - gatewayMs) * 1000) / result.done);
}
