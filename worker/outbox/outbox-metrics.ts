import { Counter, Gauge, type Registry } from "prom-client";
import type { OutboxGroup } from "../../core/outbox/outbox-batch.ts";

/** Metrics of the outbox' consumers. Labels are closed sets: never an id, a number or a URL. */
export function createOutboxMetrics(registry: Registry) {
  const registers = [registry];
  const lag = new Gauge({
    name: "callseal_outbox_lag",
    help: "Events that a group of consumers has not been given, as this worker saw it last",
    labelNames: ["group"],
    registers,
  });
  const lags = new Map<OutboxGroup, Map<number, number>>();
  return {
    /** Each event is counted by one worker, so their sum is the number of events. */
    events: new Counter({
      name: "callseal_events_total",
      help: "Events by tenant and type",
      labelNames: ["tenant", "type"],
      registers,
    }),
    missing: new Counter({
      name: "callseal_outbox_missing_total",
      help: "Events that were trimmed away before a group of consumers had them",
      labelNames: ["group"],
      registers,
    }),
    notifications: new Counter({
      name: "callseal_notifications_total",
      help: "Attempts to notify a tenant's endpoint by result",
      labelNames: ["tenant", "result"],
      registers,
    }),
    setLag(group: OutboxGroup, partition: number, events: number): void {
      const partitions = lags.get(group) ?? new Map<number, number>();
      lags.set(group, partitions.set(partition, events));
      lag.set(
        { group },
        [...partitions.values()].reduce((sum, value) => sum + value, 0),
      );
    },
  };
}

export type OutboxMetrics = ReturnType<typeof createOutboxMetrics>;
