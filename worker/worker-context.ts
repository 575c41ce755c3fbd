import type { IssueReceipt } from "../core/keys/issue-receipt.ts";
import type { Logger } from "../core/logging/create-logger.ts";
import type { JobQueues } from "../core/queue/job-queues.ts";
import type { RedisClient } from "../core/redis/connections.ts";
import type { Keyspace } from "../core/redis/keys.ts";
import type { OwedWork } from "../core/redis/owed-work.ts";
import type { RedisClock } from "../core/redis/redis-clock.ts";
import type { SessionStore } from "../core/redis/session-store.ts";
import type { TenantDirectory } from "../core/tenants/tenant-directory.ts";
import type { ConfirmedSession } from "../core/verification/session.ts";
import type { FaultLog } from "./fault-log.ts";
import type { CallProviders } from "./providers/registry.ts";
import type { WorkerMetrics } from "./worker-metrics.ts";
import type { WorkerTuning } from "./worker-tuning.ts";

/** What a worker is made of: built once in compose-worker.ts and handed to everything that does a job. */
export interface WorkerContext {
  tenants: TenantDirectory;
  sessions: SessionStore;
  owedWork: OwedWork;
  jobs: JobQueues;
  providers: CallProviders;
  issueReceipt: IssueReceipt;
  /** The gateway's origin for a session: the configured one, or that of the gateway which created it. */
  originOf: (session: ConfirmedSession) => string;
  clock: RedisClock;
  tuning: WorkerTuning;
  metrics: WorkerMetrics;
  faults: FaultLog;
  /** For probes only; everything else goes through a store. */
  redis: RedisClient;
  /** BullMQ's own connection, for its Workers. */
  workerConnection: RedisClient;
  redisPrefix: string;
  keyspace: Keyspace;
  logger: Logger;
}
