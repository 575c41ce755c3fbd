import { test } from "vitest";
import { expectKept, runTimeoutMs, smallPlan } from "./expect-kept.ts";
import { killWorkers } from "./runs/kill-workers.ts";

const plan = { ...smallPlan, confirmations: 300, ratePerSecond: 30 };

test(
  "[X3] workers that are killed every two seconds lose no call and move none twice",
  async () => {
    expectKept(await killWorkers(plan), plan);
  },
  runTimeoutMs,
);
