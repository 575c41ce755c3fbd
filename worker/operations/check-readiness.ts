import { probe } from "../../core/http/probe.ts";
import type { EventLoopWatch } from "../../core/process/watch-event-loop.ts";
import type { JobWorker } from "../jobs/open-job-worker.ts";
import type { WorkerContext } from "../worker-context.ts";

export interface Readiness {
  ready: boolean;
  /** "ok" or what is wrong, by part. */
  checks: Record<string, string>;
}

/** Ready means: Redis answers, jobs are taken from both queues and can be added, the event loop keeps up, and nobody asked us to stop. */
export async function checkReadiness(
  context: WorkerContext,
  state: { draining: boolean; intercepts: JobWorker; timeouts: JobWorker; eventLoop: EventLoopWatch },
): Promise<Readiness> {
  const [redis, queue] = await Promise.all([probe(() => context.redis.ping()), probe(() => context.jobs.ping())]);
  const take = (jobs: JobWorker) => (jobs.takesJobs() ? "ok" : "takes no jobs");
  const checks = {
    redis,
    queue,
    intercepts: take(state.intercepts),
    timeouts: take(state.timeouts),
    eventLoop: state.eventLoop.check(),
    process: state.draining ? "draining" : "ok",
  };
  return { ready: Object.values(checks).every((check) => check === "ok"), checks };
}
