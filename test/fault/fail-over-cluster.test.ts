import { test } from "vitest";
import { expectPromisesKept, runTimeoutMs, smallerPlan } from "./expect-kept.ts";
import { failOverCluster } from "./runs/fail-over-cluster.ts";

test(
  "[X8] a primary of a cluster of three that is killed takes no acknowledged confirmation with it",
  async () => {
    expectPromisesKept(await failOverCluster(smallerPlan));
  },
  runTimeoutMs,
);
