import { setTimeout as delay } from "node:timers/promises";
import type { Figure } from "../figure.ts";
import type { LatencySummary } from "../measure/latencies.ts";
import { latencyRow, ratioGoal } from "../measure/rounds.ts";
import type { RemoteCalls } from "../stack/remote-calls.ts";
import { type Deployment, startDeployment } from "../stack/start-deployment.ts";
import { startLoad } from "../stack/start-load.ts";

const warmUp = 30;
/** The gateway has subscribed to and read what the polls wait for. */
const settleMs = 1500;

/** P5: whether waking one poll depends on how many others wait on the same gateway. */
export const wakeUp: Figure = {
  id: "P5",
  title: "wake-up of one poll while others wait",
  async measure(context) {
    const { rounds, samples, levels } = context.plan.waiting;
    const measuring = await startLoad(context);
    const crowds = [await startLoad(context), await startLoad(context)];
    const deployment = await startDeployment(context, { ttlSeconds: 300 });
    const gatewayUrl = deployment.gateways[0]!.url;
    const wake = (count: number) =>
      measuring.call<LatencySummary>("measureWakeUps", {
        access: deployment.access,
        gatewayUrl,
        samples: count,
        warmUp,
      });
    await wake(samples);
    const measured = levels.map((): LatencySummary[] => []);
    let waiting = 1;
    for (const [index, level] of levels.entries()) {
      await holdPolls({ crowds, deployment, more: level - waiting });
      waiting = level;
      for (let round = 0; round < rounds; round += 1) {
        context.progress(`${level} waiting, round ${round + 1} of ${rounds}`);
        measured[index]!.push(await wake(samples));
      }
    }
    context.progress("the others hang up");
    await Promise.all(crowds.map((crowd) => crowd.call("releasePolls")));
    const medians = measured.map((summaries) => summaries.map(({ p50 }) => p50));
    return {
      rows: levels.map((level, index) => latencyRow(`${level.toLocaleString("en-US")} waiting`, measured[index]!)),
      goals: levels
        .slice(1)
        .map((level, index) =>
          ratioGoal(
            `p50 at ${level.toLocaleString("en-US")} / at 1`,
            { ours: medians[index + 1]!, reference: medians[0]! },
            { atMost: 1.2 },
          ),
        ),
      notes: [
        "From the script that ends the session to the poll's answer. Each waiting poll has a session of its own.",
        "Others wait from two processes, two polls a connection (pipelined), since a process may hold 20,000 descriptors.",
      ],
    };
  },
};

async function holdPolls(parts: { crowds: RemoteCalls[]; deployment: Deployment; more: number }): Promise<void> {
  const { crowds, deployment, more } = parts;
  if (more <= 0) return;
  const shares = crowds.map((_, index) => Math.floor(more / crowds.length) + (index < more % crowds.length ? 1 : 0));
  const answers = await Promise.all(
    crowds.map((crowd, index) =>
      crowd.call<{ answered: number }>("holdPolls", {
        access: deployment.access,
        gatewayUrl: deployment.gateways[0]!.url,
        count: shares[index],
        localAddress: `127.0.0.${index + 2}`,
      }),
    ),
  );
  if (answers.some(({ answered }) => answered > 0)) throw new Error("a poll was answered that was to wait");
  await delay(settleMs);
}
