import { probe } from "../core/http/probe.ts";
import type { GatewayContext } from "./gateway-context.ts";
import type { Readiness } from "./http/operations-router.ts";

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
