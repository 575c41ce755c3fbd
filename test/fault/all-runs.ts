import type { FaultRun } from "./fault-run.ts";
import { breakProvider } from "./runs/break-provider.ts";
import { failOverCluster } from "./runs/fail-over-cluster.ts";
import { failOverSentinel } from "./runs/fail-over-sentinel.ts";
import { killGateways } from "./runs/kill-gateways.ts";
import { killRedis } from "./runs/kill-redis.ts";
import { killWorkers } from "./runs/kill-workers.ts";
import { restartInTurn } from "./runs/restart-in-turn.ts";
import { runSteadily } from "./runs/run-steadily.ts";

/** Every fault run, in the order in which they are done. */
export const allRuns: readonly FaultRun[] = [
  { id: "gateways", title: "a random gateway of three is killed every 2 s", run: killGateways },
  { id: "workers", title: "a random worker of three is killed every 2 s", run: killWorkers },
  { id: "redis", title: "the standalone Redis is killed 5 s after it came back", run: killRedis },
  { id: "sentinel", title: "the primary behind sentinels is killed ten times", run: failOverSentinel },
  { id: "cluster", title: "a primary of a cluster of three is killed three times", run: failOverCluster },
  { id: "provider", title: "the provider fails in every way", run: breakProvider },
  { id: "restart", title: "gateways and workers are replaced in turn", run: restartInTurn },
  { id: "steady", title: "half an hour of steady load: nothing grows", run: runSteadily },
];
