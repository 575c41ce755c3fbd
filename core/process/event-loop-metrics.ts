import { Gauge, type Registry } from "prom-client";
import type { EventLoopWatch } from "./watch-event-loop.ts";

/**
 * What readiness decides on, as metrics: over the last five seconds whenever they are read, while the default metrics'
 * `nodejs_eventloop_lag_*` are percentiles since the last time.
 */
export function showEventLoop(registry: Registry, watch: EventLoopWatch): void {
  const registers = [registry];
  new Gauge({
    name: "callseal_event_loop_delay_seconds",
    help: "Over the last 5 s: how long arriving work waits for its turn on average (wait), and the longest stall (longest)",
    labelNames: ["stat"],
    registers,
    collect() {
      const { waitSeconds, longestSeconds } = watch.read();
      this.set({ stat: "wait" }, waitSeconds);
      this.set({ stat: "longest" }, longestSeconds);
    },
  });
  new Gauge({
    name: "callseal_event_loop_utilization",
    help: "Share of the last 5 s that the event loop was busy, 0 to 1",
    registers,
    collect() {
      this.set(watch.read().utilization);
    },
  });
}
