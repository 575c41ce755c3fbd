import type { Figure, FigureContext } from "../figure.ts";
import { ratioGoal, valueRow } from "../measure/rounds.ts";
import { enrolDevices } from "../stack/enrol-devices.ts";
import { processorMs, spentMs } from "../stack/processor-time.ts";
import type { RemoteCalls } from "../stack/remote-calls.ts";
import { type Deployment, startDeployment } from "../stack/start-deployment.ts";
import { startLoad } from "../stack/start-load.ts";
import { storeSessions } from "../stack/store-sessions.ts";

/** A deployment that holds so many sessions before it is measured. */
interface Level {
  stored: number;
  deployment: Deployment;
  run: (seconds: number) => Promise<{ done: number }>;
  togetherUs: number[];
  redisUs: number[];
}

/** P7: whether an operation's cost depends on how many sessions are stored. */
export const storedSessions: Figure = {
  id: "P7",
  title: "CPU of a verification at growing numbers of stored sessions",
  async measure(context) {
    const { rounds, seconds, levels } = context.plan.stored;
    const load = await startLoad(context);
    const opened: Level[] = [];
    for (const stored of levels) {
      context.progress(`storing ${formatCount(stored)} sessions in a deployment of their own`);
      opened.push(await openLevel(context, load, stored));
    }
    // Most of the time goes at first into compiling what runs often, and into memory that is new.
    for (const level of opened) await level.run(seconds);
    for (let round = 0; round < rounds; round += 1) {
      context.progress(`round ${round + 1} of ${rounds}: ${seconds} s each`);
      for (const level of round % 2 === 0 ? opened : opened.toReversed()) await measureRound(level, seconds);
    }
    const [fewest, ...more] = opened;
    return {
      rows: opened.flatMap(({ stored, togetherUs, redisUs }) => [
        valueRow(`gateway and Redis at ${formatCount(stored)}`, "us CPU", togetherUs),
        valueRow(`of it Redis at ${formatCount(stored)}`, "us CPU", redisUs),
      ]),
      goals: more.map((level) =>
        ratioGoal(
          `at ${formatCount(level.stored)} / at ${formatCount(fewest!.stored)}`,
          { ours: level.togetherUs, reference: fewest!.togetherUs },
          { atMost: 1.1 },
        ),
      ),
      notes: [
        "Create, claim, confirm, poll answered, timeout job removed; no worker. Redis without append-only file.",
        "Stored sessions are confirmed ones with their calls, written directly: the fields that the scripts leave.",
        "Every number has a gateway and a Redis of its own, and they are measured in turn.",
      ],
    };
  },
};

async function openLevel(context: FigureContext, load: RemoteCalls, stored: number): Promise<Level> {
  const { concurrency } = context.plan.throughput;
  const deployment = await startDeployment(context, { appendOnly: false });
  const { access, gateways } = deployment;
  const name = `at ${stored}`;
  const devices = await enrolDevices(access, concurrency);
  const gatewayUrls = gateways.map(({ url }) => url);
  await load.call("openVerifications", { name, access, devices, gatewayUrls, provider: "generic" });
  await storeSessions(access, stored);
  const run = (seconds: number) => load.call<{ done: number }>("runVerifications", { name, seconds, concurrency });
  return { stored, deployment, run, togetherUs: [], redisUs: [] };
}

async function measureRound(level: Level, seconds: number): Promise<void> {
  const { deployment, run, togetherUs, redisUs } = level;
  const gatewayPid = deployment.gateways[0]!.pid;
  const before = processorMs([gatewayPid]);
  const { result, cpuMs } = await spentMs([gatewayPid, deployment.redis.pid], () => run(seconds));
  const gatewayMs = processorMs([gatewayPid]) - before;
  togetherUs.push((cpuMs * 1000) / result.done);
  redisUs.push(((cpuMs - gatewayMs) * 1000) / result.done);
}

const formatCount = (count: number) => count.toLocaleString("en-US");
