import { test } from "vitest";
import { expectPromisesKept, runTimeoutMs, smallerPlan } from "./expect-kept.ts";
import { failOverSentinel } from "./runs/fail-over-sentinel.ts";

test(
  "[X7] a primary that is killed again and again behind sentinels takes no acknowledged confirmation with it",
  async () => {
    expectPromisesKept(await failOverSentinel(smallerPlan));
  },
  runTimeoutMs,
);
