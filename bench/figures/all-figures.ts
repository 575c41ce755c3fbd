import type { Figure } from "../figure.ts";
import { confirmToPoll } from "./p1-confirm-to-poll.ts";
import { confirmToProvider } from "./p2-confirm-to-provider.ts";
import { verificationsPerCpu } from "./p3-verifications-per-cpu.ts";
import { memoryPerSocket } from "./p4-memory-per-socket.ts";
import { wakeUp } from "./p5-wake-up.ts";
import { requestsPerCpu } from "./p6-requests-per-cpu.ts";
import { storedSessions } from "./p7-stored-sessions.ts";
import { twoOfEach } from "./p8-two-of-each.ts";
import { coldStart } from "./p9-cold-start.ts";
import { redisCommands } from "./p10-redis-commands.ts";
import { redisCluster } from "./p11-redis-cluster.ts";

/** Every figure, in the order in which they run. */
export const allFigures: readonly Figure[] = [
  confirmToPoll,
  confirmToProvider,
  verificationsPerCpu,
  memoryPerSocket,
  wakeUp,
  requestsPerCpu,
  storedSessions,
  twoOfEach,
  coldStart,
  redisCommands,
  redisCluster,
];
