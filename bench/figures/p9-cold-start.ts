import type { Figure } from "../figure.ts";
import { ratioGoal, valueRow } from "../measure/rounds.ts";
import { startDeployment } from "../stack/start-deployment.ts";
import { timeStart } from "../stack/time-start.ts";

/** P9: from nothing to ready, against a process that loads what any such gateway loads. */
export const coldStart: Figure = {
  id: "P9",
  title: "cold start to ready",
  async measure(context) {
    const { rounds } = context.plan.coldStart;
    const { environment } = await startDeployment(context, { gateways: 0 });
    const entries = { gateway: "server/main.ts", worker: "worker/main.ts", bare: "bench/floor/empty-server.ts" };
    const times = { gateway: [] as number[], worker: [] as number[], bare: [] as number[] };
    const names = ["bare", "gateway", "worker"] as const;
    // Once each beforehand: files come from the page cache from then on.
    for (const name of names) await timeStart(entries[name], environment);
    for (let round = 0; round < rounds; round += 1) {
      context.progress(`round ${round + 1} of ${rounds}`);
      for (const name of names) times[name].push(await timeStart(entries[name], environment));
    }
    return {
      rows: [
        valueRow("gateway", "ms", times.gateway),
        valueRow("worker", "ms", times.worker),
        valueRow("bare express, socket.io and ioredis", "ms", times.bare),
      ],
      goals: [
        ratioGoal("gateway / bare", { ours: times.gateway, reference: times.bare }, { atMost: 1.5 }),
        ratioGoal("worker / bare", { ours: times.worker, reference: times.bare }, { atMost: 1.5 }),
      ],
      notes: ["From spawn to the line that says it is ready, TypeScript stripped by Node on the way."],
    };
  },
};
