import { setTimeout as delay } from "node:timers/promises";
import type { Caller } from "./caller.ts";

export interface CallPlan {
  /** Whether there is to be one more call, after so many. */
  goesOn: (calls: number) => boolean;
  /** New calls a second. */
  ratePerSecond: number;
}

/**
 * Starts calls at a steady rate, each with the next free caller, as long as the plan goes on; a rate that the
 * callers cannot keep slows down instead of piling up. `onDone` hears of each call that is over.
 */
export async function runCalls(callers: readonly Caller[], plan: CallPlan, onDone: () => void): Promise<void> {
  const startedAt = performance.now();
  let next = 0;
  const lanes = callers.map(async (caller) => {
    while (plan.goesOn(next)) {
      const dueAt = startedAt + (next * 1000) / plan.ratePerSecond;
      next += 1;
      const early = dueAt - performance.now();
      if (early > 0) await delay(early);
      await caller.call();
      onDone();
    }
  });
  await Promise.all(lanes);
}
