import { interceptLeaseMs } from "../core/queue/queues.ts";
import type { ProviderHttpOptions } from "./providers/registry.ts";

/** How a worker behaves; the defaults are for live calls, not for batches. */
export interface WorkerTuning {
  /** Intercepts under way at once. Default 50. */
  concurrency: number;
  /** For how long after the confirmation a call can still profit from being moved. Default 30,000 ms. */
  interceptWindowMs: number;
  /** How long a claim keeps others from repeating an attempt. Default `interceptLeaseMs`. */
  leaseMs: number;
  /**
   * For how long after the confirmation its own job may act on the grant: what is left of the lease then is enough for an
   * API call (1500 ms) and a margin. Default 750 ms.
   */
  grantMs: number;
  /** Most milliseconds for the question whether a call is still live. Default 750. */
  lookUpTimeoutMs: number;
  /** BullMQ's lock on a job: a killed worker's job is free after it. Default 2000 ms. */
  lockDurationMs: number;
  /** How often jobs without a lock are looked for. Default 500 ms. */
  stalledIntervalMs: number;
  /** How often owed and overdue work is looked for; each worker's own rhythm varies by a quarter. Default 250 ms. */
  reconcileEveryMs: number;
  /** How long an intercept may lie before the reconciler sees to it. Default 500 ms. */
  interceptGraceMs: number;
  /** How long a session may be over before the reconciler records it. Default 1000 ms. */
  timeoutGraceMs: number;
  /** When a worker drains: how long its attempts may go on before they are given up. Default 6000 ms. */
  drainMs: number;
  http: ProviderHttpOptions;
}

export const liveCallTuning: WorkerTuning = {
  concurrency: 50,
  interceptWindowMs: 30_000,
  leaseMs: interceptLeaseMs,
  grantMs: 750,
  lookUpTimeoutMs: 750,
  lockDurationMs: 2000,
  stalledIntervalMs: 500,
  reconcileEveryMs: 250,
  interceptGraceMs: 500,
  timeoutGraceMs: 1000,
  drainMs: 6000,
  http: {},
};
