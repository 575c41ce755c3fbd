import { test } from "vitest";
import { expectKept, runTimeoutMs, smallerPlan } from "./expect-kept.ts";
import { breakProvider } from "./runs/break-provider.ts";

test(
  "[X5] a provider that fails in every way is asked until every live call has moved, once in effect",
  async () => {
    expectKept(await breakProvider(smallerPlan), smallerPlan);
  },
  runTimeoutMs,
);
