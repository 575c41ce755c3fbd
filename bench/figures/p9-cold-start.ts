import { join } from "node:path";
import type { Figure } from "../figure.ts";
import { ratioGoal, valueRow } from "../measure/rounds.ts";
import { productBundle } from "../stack/product-bundle.ts";
import { startDeployment } from "../stack/start-deployment.ts";
import { timeStart } from "../stack/time-start.ts";

/** P9: from nothing to ready, against a process that loads what any such gateway loads. */
export const coldStart: Figure = {
  id: "P9",
  title: "cold start to ready",
  async measure(context) {
    const { rounds } = context.plan.coldStart;
    const { environment } = await startDeployment(context, { gateways: 0 });
    const bundle = await productBundle();
    // In a new container nothing has been compiled before.
    const fresh = { ...environment, NODE_DISABLE_COMPILE_CACHE: "1" };
    const starts = {
      bare: () => timeStart("bench/floor/empty-server.ts", fresh),
      gateway: () => timeStart(join(bundle, "server.mjs"), fresh),
      worker: () => timeStart(join(bundle, "worker.mjs"), fresh),
      source: () => timeStart("server/main.ts", environment),
    };
    const times = { bare: [] as number[], gateway: [] as number[], worker: [] as number[], source: [] as number[] };
    const names = ["bare", "gateway", "worker", "source"] as const;
    // Once each beforehand: files come from the page cache from then on.
    for (const name of names) await starts[name]();
    for (let round = 0; round < rounds; round += 1) {
      context.progress(`round ${round + 1} of ${rounds}`);
      for (const name of names) times[name].push(await starts[name]());
    }
    return {
      rows: [
        valueRow("gateway", "ms", times.gateway),
        valueRow("worker", "ms", times.worker),
        valueRow("gateway from source, compiled before", "ms", times.source),
        valueRow("bare express, socket.io and ioredis", "ms", times.bare),
      ],
      goals: [
        ratioGoal("gateway / bare", { ours: times.gateway, reference: times.bare }, { atMost: 1.5 }),
        ratioGoal("worker / bare", { ours: times.worker, reference: times.bare }, { atMost: 1.5 }),
      ],
      notes: [
        "From spawn to the line that says it is ready. Gateway and worker are those of the image, with nothing compiled before.",
      ],
    };
  },
};
