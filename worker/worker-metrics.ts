import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

const seconds = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The worker's Prometheus metrics. Labels are closed sets: never an id or a number. */
export function createWorkerMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    interceptAttempts: new Counter({
      name: "callseal_intercept_attempts_total",
      help: "Attempts to move a call by provider and outcome; unrecorded when Redis did not take the outcome",
      labelNames: ["provider", "outcome"],
      registers,
    }),
    interceptResults: new Counter({
      name: "callseal_intercepts_total",
      help: "Intercepts that were settled by provider and result",
      labelNames: ["provider", "result"],
      registers,
    }),
    redirectSeconds: new Histogram({
      name: "callseal_confirmation_to_redirect_seconds",
      help: "Time from the confirmation to the provider's answer that the call moves",
      labelNames: ["provider"],
      buckets: seconds,
      registers,
    }),
    jobs: new Counter({
      name: "callseal_jobs_total",
      help: "Jobs taken by queue and result",
      labelNames: ["queue", "result"],
      registers,
    }),
    queueDepth: new Gauge({
      name: "callseal_queue_jobs",
      help: "Jobs in a queue by state",
      labelNames: ["queue", "state"],
      registers,
    }),
    timeouts: new Counter({
      name: "callseal_timeouts_recorded_total",
      help: "Session timeouts recorded, by what recorded them",
      labelNames: ["by"],
      registers,
    }),
    reconciled: new Counter({
      name: "callseal_intercepts_reconciled_total",
      help: "Owed intercepts that the reconciler saw to, by what it did",
      labelNames: ["action"],
      registers,
    }),
  };
}

export type WorkerMetrics = ReturnType<typeof createWorkerMetrics>;
