import { test } from "vitest";
import { expectKept, runTimeoutMs, smallPlan } from "./expect-kept.ts";
import { killRedis } from "./runs/kill-redis.ts";

const plan = { ...smallPlan, confirmations: 300, ratePerSecond: 30 };

test(
  "[X4] a Redis that is killed again and again comes back with every acknowledged confirmation",
  async () => {
    expectKept(await killRedis(plan), plan);
  },
  runTimeoutMs,
);
