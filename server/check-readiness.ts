import type { GatewayContext } from "./gateway-context.ts";
import type { Readiness } from "./http/operations-router.ts";

const probeDeadlineMs = 1000;

/** Ready means: Redis answers, the subscriber is live, the queue can be written, and nobody asked us to stop. */
export async function checkReadiness(context: GatewayContext, state: { draining: boolean }): Promise<Readiness> {
  const [redis, queue] = await Promise.all([probe(() => context.redis.ping()), probe(() => context.jobs.ping())]);
  const checks = {
    redis,
    subscriber: context.statusChannel.ready ? "ok" : "not connected",
    queue,
    process: state.draining ? "draining" : "ok",
  };
  return { ready: Object.values(checks).every((check) => check === "ok"), checks };
}

async function probe(ask: () => Promise<unknown>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve("no answer within a second"), probeDeadlineMs);
  });
  const asked = ask().then(
    () => "ok",
    () => "not reachable",
  );
  return Promise.race([asked, tooLate]).finally(() => clearTimeout(timer));
}
