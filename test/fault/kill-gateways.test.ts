import { test } from "vitest";
import { expectKept, runTimeoutMs, smallPlan } from "./expect-kept.ts";
import { killGateways } from "./runs/kill-gateways.ts";

test(
  "[X2] gateways that are killed every two seconds lose no acknowledged confirmation and move no call twice",
  async () => {
    expectKept(await killGateways(smallPlan), smallPlan);
  },
  runTimeoutMs,
);
