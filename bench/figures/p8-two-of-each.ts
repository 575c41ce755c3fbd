import type { Figure, FigureContext } from "../figure.ts";
import { ratioGoal, valueRow } from "../measure/rounds.ts";
import { type BenchDevice, enrolDevices } from "../stack/enrol-devices.ts";
import { limitShare } from "../stack/limit-share.ts";
import { spentMs } from "../stack/processor-time.ts";
import type { RemoteCalls } from "../stack/remote-calls.ts";
import { type Deployment, startDeployment } from "../stack/start-deployment.ts";
import { startLoad } from "../stack/start-load.ts";

interface Measured {
  perSecond: number;
  cpuUs: number;
}

/** P8: throughput of two gateways and two workers against one of each, every process with the same share of a core. */
export const twoOfEach: Figure = {
  id: "P8",
  title: "throughput of two gateways and two workers against one of each",
  async measure(context) {
    const { rounds, percentOfCore } = context.plan.shares;
    const load = await startLoad(context);
    const providerUrl = await load.call<string>("providerUrl");
    const one = await openDeployment(context, { load, providerUrl, each: 1 });
    const two = await openDeployment(context, { load, providerUrl, each: 2 });
    const measured = { one: [] as Measured[], two: [] as Measured[] };
    for (let round = 0; round < rounds; round += 1) {
      context.progress(`round ${round + 1} of ${rounds}: one of each, then two`);
      measured.one.push(await measure(context, load, one));
      measured.two.push(await measure(context, load, two));
    }
    const limited = one.limited && two.limited;
    const rates = (name: "one" | "two") => measured[name].map(({ perSecond }) => perSecond);
    const costs = (name: "one" | "two") => measured[name].map(({ cpuUs }) => cpuUs);
    return {
      rows: [
        valueRow("one gateway, one worker", "per second", rates("one")),
        valueRow("two gateways, two workers", "per second", rates("two")),
        valueRow("one of each, a verification", "us CPU", costs("one")),
        valueRow("two of each, a verification", "us CPU", costs("two")),
      ],
      goals: [
        ratioGoal("two / one", { ours: rates("two"), reference: rates("one") }, { atLeast: 1.8 }),
        // What two machines would reach: twice the CPU at the cost that a verification has then.
        ratioGoal(
          "twice the CPU, by its cost",
          { ours: costs("one").map((us) => 2 * us), reference: costs("two") },
          { atLeast: 1.8 },
        ),
      ],
      notes: [
        limited
          ? `Each gateway and worker may use ${percentOfCore} % of a core (control group quota, ${one.processes} and ${two.processes} processes), and ${one.lanes} verifications are under way for each gateway; Redis and the clients have the rest of the machine.`
          : "Control groups could not be made here, so nothing was limited: the throughput ratio says what this machine has left, not how it scales. The second ratio holds.",
      ],
    };
  },
};

interface Opened {
  name: string;
  /** Verifications under way at once. */
  lanes: number;
  deployment: Deployment;
  limited: boolean;
  processes: number;
}

async function openDeployment(
  context: FigureContext,
  options: { load: RemoteCalls; providerUrl: string; each: number },
): Promise<Opened> {
  const { load, providerUrl, each } = options;
  const deployment = await startDeployment(context, { gateways: each, workers: each, providerUrl });
  const { access, gateways, workers } = deployment;
  // Each gateway has the same to do at once: what shares a system call or a read then costs the same.
  const lanes = context.plan.throughput.concurrency * each;
  const devices: BenchDevice[] = await enrolDevices(access, lanes);
  const gatewayUrls = gateways.map(({ url }) => url);
  const name = `${each} of each`;
  await load.call("openVerifications", { name, access, devices, gatewayUrls, provider: "twilio" });
  // Each process compiles for itself, and with its share alone it would do so for the whole measurement.
  context.progress(`warming up ${name}`);
  await load.call("runVerifications", {
    name,
    seconds: context.plan.throughput.warmUpSeconds * each,
    concurrency: lanes,
  });
  const processes = [...gateways, ...workers];
  const lifts = processes.map(({ pid }) => limitShare(pid, context.plan.shares.percentOfCore));
  // Lifted last, when the processes are gone: a group can only be removed empty.
  for (const lift of lifts) if (lift !== undefined) process.once("exit", lift);
  return { name, lanes, deployment, limited: lifts.every((lift) => lift !== undefined), processes: processes.length };
}

async function measure(context: FigureContext, load: RemoteCalls, opened: Opened): Promise<Measured> {
  const { name, lanes, deployment } = opened;
  const pids = [...deployment.gateways, ...deployment.workers].map(({ pid }) => pid);
  const run = { name, seconds: context.plan.shares.seconds, concurrency: lanes };
  const { result, cpuMs } = await spentMs(pids, () =>
    load.call<{ done: number; seconds: number }>("runVerifications", run),
  );
  return { perSecond: result.done / result.seconds, cpuUs: (cpuMs * 1000) / result.done };
}
