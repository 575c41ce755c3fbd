import { expect } from "vitest";
import type { FaultPlan, FaultReport } from "./fault-run.ts";

/** Large enough that every fault strikes several times, small enough for every change. `npm run fault` does many times as many. */
export const smallPlan: FaultPlan = {
  confirmations: 1000,
  ratePerSecond: 80,
  minutes: 1,
  seed: 1,
  print: () => undefined,
};

/** For faults that need longer to heal, or less often to happen. */
export const smallerPlan: FaultPlan = { ...smallPlan, confirmations: 180, ratePerSecond: 18 };

/** A run of enough time for its slowest retries. */
export const runTimeoutMs = 150_000;

/** Every promise was kept, and every confirmation acknowledged: all clients were patient. */
export function expectKept(report: FaultReport, plan: FaultPlan): void {
  expectPromisesKept(report);
  expect(report.seen[0]).toBe(`${plan.confirmations} calls, ${plan.confirmations} acknowledged, 0 refused in the end`);
  expect(report.seen[1]).toBe("errors that reached a client: none");
}

/** Every promise was kept. A failover may take a session with it that nobody has confirmed yet. */
export function expectPromisesKept(report: FaultReport): void {
  console.info([report.title, ...report.happened, ...report.seen].join("\n  "));
  expect(report.violations).toEqual([]);
}
