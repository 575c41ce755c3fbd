import { test } from "vitest";
import { expectKept, runTimeoutMs, smallPlan } from "./expect-kept.ts";
import { breakProvider } from "./runs/break-provider.ts";

test(
  "[X5] a provider that fails in every way is asked until every live call has moved, once in effect",
  async () => {
    expectKept(await breakProvider(smallPlan), smallPlan);
  },
  runTimeoutMs,
);
