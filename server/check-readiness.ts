import { probe } from "../core/http/probe.ts";
import type { GatewayContext } from "./gateway-context.ts";
import type { Readiness } from "./http/operations-router.ts";

/**
 * Ready means: Redis answers, the subscriber is live, the queue can be written, the event loop keeps up, and nobody
 * asked us to stop. A gateway whose caps are reached is ready: it refuses what is too much and serves the rest, and
 * taking it away would only move its load to others that are as full.
 */
export async function checkReadiness(context: GatewayContext, state: { draining: boolean }): Promise<Readiness> {
  const [redis, queue] = await Promise.all([probe(() => context.redis.ping()), probe(() => context.jobs.ping())]);
  const checks = {
    redis,
    subscriber: context.statusChannel.ready ? "ok" : "not connected",
    queue,
    eventLoop: context.eventLoop.check(),
    process: state.draining ? "draining" : "ok",
  };
  return { ready: Object.values(checks).every((check) => check === "ok"), checks };
}
