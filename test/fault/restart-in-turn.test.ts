import { test } from "vitest";
import { expectKept, runTimeoutMs, smallerPlan } from "./expect-kept.ts";
import { restartInTurn } from "./runs/restart-in-turn.ts";

test(
  "[X6] a rolling restart under load shows no error to any client and every drain ends with 0",
  async () => {
    expectKept(await restartInTurn(smallerPlan), smallerPlan);
  },
  runTimeoutMs,
);
