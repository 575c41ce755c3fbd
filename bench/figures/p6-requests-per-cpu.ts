import type { Figure } from "../figure.ts";
import { ratioGoal, valueRow } from "../measure/rounds.ts";
import { spentMs } from "../stack/processor-time.ts";
import { startDeployment } from "../stack/start-deployment.ts";
import { startFloor } from "../stack/start-floor.ts";
import { startLoad } from "../stack/start-load.ts";

type Who = "ours" | "floor";
const operations = ["create", "read"] as const;
type Operation = (typeof operations)[number];
const readSessions = 1000;

/** P6: session creations and status reads per second of CPU, against Express with one EVALSHA. */
export const requestsPerCpu: Figure = {
  id: "P6",
  title: "session creations and status reads per second of CPU",
  async measure(context) {
    const { rounds, seconds, concurrency } = context.plan.throughput;
    const load = await startLoad(context);
    const { access, gateways } = await startDeployment(context);
    const bare = await startFloor(context, "floor/express-server", { REDIS_URL: access.redisUrl });
    const targets = {
      ours: { url: gateways[0]!.url, access, pid: gateways[0]!.pid },
      floor: { url: bare.url, pid: bare.pid },
    };
    const run = async (who: Who, forSeconds: number, sessionIds?: string[]): Promise<number> => {
      const { pid, ...target } = targets[who];
      const reads = sessionIds === undefined ? {} : { sessionIds };
      const work = () =>
        load.call<{ done: number }>("runRequests", { ...target, ...reads, seconds: forSeconds, concurrency });
      const { result, cpuMs } = await spentMs([pid], work);
      return (result.done * 1000) / cpuMs;
    };
    const known = {
      ours: await load.call<string[]>("createSessions", { ...targets.ours, count: readSessions }),
      floor: await load.call<string[]>("createSessions", { ...targets.floor, count: readSessions }),
    };
    const results: Record<Operation, Record<Who, number[]>> = {
      create: { ours: [], floor: [] },
      read: { ours: [], floor: [] },
    };
    for (const operation of operations) {
      const ids = (who: Who) => (operation === "read" ? [known[who]] : []);
      for (const who of ["floor", "ours"] as const) await run(who, Math.min(1, seconds), ...ids(who));
      for (let round = 0; round < rounds; round += 1) {
        context.progress(`${operation}, round ${round + 1} of ${rounds}: ${concurrency} at once, floor and ours`);
        for (const who of ["floor", "ours"] as const)
          results[operation][who].push(await run(who, seconds / 2, ...ids(who)));
      }
    }
    return {
      rows: operations.flatMap((operation) => [
        valueRow(`${operation}: Callseal`, "per CPU-second", results[operation].ours),
        valueRow(`${operation}: bare express, one EVALSHA`, "per CPU-second", results[operation].floor),
      ]),
      goals: operations.map((operation) =>
        ratioGoal(operation, { ours: results[operation].ours, reference: results[operation].floor }, { atLeast: 0.7 }),
      ),
      notes: [
        "CPU of the one server process, all threads. Reads are of a thousand pending sessions that were created before.",
      ],
    };
  },
};
