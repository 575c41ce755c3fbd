import { expect, test } from "vitest";
import type { FaultPlan, FaultReport } from "./fault-run.ts";
import { breakProvider } from "./runs/break-provider.ts";
import { failOverCluster } from "./runs/fail-over-cluster.ts";
import { failOverSentinel } from "./runs/fail-over-sentinel.ts";
import { killGateways } from "./runs/kill-gateways.ts";
import { killRedis } from "./runs/kill-redis.ts";
import { killWorkers } from "./runs/kill-workers.ts";
import { restartInTurn } from "./runs/restart-in-turn.ts";

/**
 * Every fault run in the small; `npm run fault` does many times as many calls. All are in this one file, because each is
 * a whole deployment: two of them beside each other would measure one another.
 */
const always = { minutes: 1, seed: 1, print: () => undefined };
const thousand: FaultPlan = { ...always, confirmations: 1000, ratePerSecond: 80 };
const hundreds: FaultPlan = { ...always, confirmations: 300, ratePerSecond: 30 };
/** For faults that need longer to heal, or less often to happen. */
const few: FaultPlan = { ...always, confirmations: 180, ratePerSecond: 18 };

/** A run of enough time for its slowest retries. */
const runTimeoutMs = 150_000;

test(
  "[X2] gateways that are killed every two seconds lose no acknowledged confirmation and move no call twice",
  async () => expectKept(await killGateways(thousand)),
  runTimeoutMs,
);

test(
  "[X3] workers that are killed every two seconds lose no call and move none twice",
  async () => expectKept(await killWorkers(hundreds)),
  runTimeoutMs,
);

test(
  "[X4] a Redis that is killed again and again comes back with every acknowledged confirmation",
  async () => expectKept(await killRedis(hundreds)),
  runTimeoutMs,
);

test(
  "[X5] a provider that fails in every way is asked until every live call has moved, once in effect",
  async () => expectKept(await breakProvider(few)),
  runTimeoutMs,
);

test(
  "[X6] a rolling restart under load shows no error to any client and every drain ends with 0",
  async () => expectKept(await restartInTurn(few)),
  runTimeoutMs,
);

test(
  "[X7] a primary that is killed again and again behind sentinels takes no acknowledged confirmation with it",
  async () => expectPromisesKept(await failOverSentinel(few)),
  runTimeoutMs,
);

test(
  "[X8] a primary of a cluster of three that is killed takes no acknowledged confirmation with it",
  async () => expectPromisesKept(await failOverCluster(few)),
  runTimeoutMs,
);

/** Every promise was kept, and every confirmation acknowledged: all clients were patient. */
function expectKept(report: FaultReport): void {
  expectPromisesKept(report);
  expect(report.seen[0]).toMatch(/^([1-9]\d*) calls, \1 acknowledged, 0 refused in the end$/);
  expect(report.seen[1]).toBe("errors that reached a client: none");
}

/** Every promise was kept. A failover may take a session with it that nobody has confirmed yet. */
function expectPromisesKept(report: FaultReport): void {
  console.info([report.title, ...report.happened, ...report.seen].join("\n  "));
  expect(report.violations).toEqual([]);
}
