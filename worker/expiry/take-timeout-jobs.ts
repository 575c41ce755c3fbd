import { timeoutQueue } from "../../core/queue/queues.ts";
import { type JobWorker, openJobWorker } from "../jobs/open-job-worker.ts";
import type { WorkerContext } from "../worker-context.ts";
import { recordTimeout } from "./record-timeout.ts";

/**
 * How often a job is put back. Workers whose clocks differ by minutes would hand an early job to each other without end;
 * what they leave is recorded by the reconciler.
 */
const mostTakes = 4;

/** Takes the jobs of the queue `timeout`. */
export function takeTimeoutJobs(context: WorkerContext): JobWorker {
  return openJobWorker(context, timeoutQueue, async ({ payload, taken, putBack }) => {
    const recorded = await recordTimeout(context, payload.sessionId);
    if (recorded.result === "not_due" && taken < mostTakes) return await putBack(recorded.againInMs);
    return recorded.result;
  });
}
