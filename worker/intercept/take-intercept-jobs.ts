import { interceptQueue } from "../../core/queue/queues.ts";
import { type JobWorker, openJobWorker } from "../jobs/open-job-worker.ts";
import type { WorkerContext } from "../worker-context.ts";
import { interceptCall } from "./intercept-call.ts";

/** Takes the jobs of the queue `intercept`. */
export function takeInterceptJobs(context: WorkerContext): JobWorker {
  return openJobWorker(context, interceptQueue, ({ payload, signal, taken }) =>
    interceptCall(context, { ...payload, signal, taken }),
  );
}
