import type { Config } from "../core/config/config.ts";
import { loadDeployment } from "../core/keys/deployment-secrets.ts";
import { createReceiptIssuer } from "../core/keys/issue-receipt.ts";
import { createSigner } from "../core/keys/signer.ts";
import type { Logger } from "../core/logging/create-logger.ts";
import { JobQueues } from "../core/queue/job-queues.ts";
import type { Connections } from "../core/redis/connections.ts";
import { Keyspace } from "../core/redis/keys.ts";
import { OwedWork } from "../core/redis/owed-work.ts";
import { RedisClock } from "../core/redis/redis-clock.ts";
import { loadScripts } from "../core/redis/scripts.ts";
import { SessionStore } from "../core/redis/session-store.ts";
import { createTenantDirectory } from "../core/tenants/tenant-directory.ts";
import { warnOfDefaults } from "../core/tenants/warn-of-defaults.ts";
import type { ConfirmedSession } from "../core/verification/session.ts";
import type { FaultLog } from "./fault-log.ts";
import { createCallProviders } from "./providers/registry.ts";
import type { WorkerContext } from "./worker-context.ts";
import { createWorkerMetrics } from "./worker-metrics.ts";
import type { WorkerTuning } from "./worker-tuning.ts";

/** Makes the parts of a worker: the one place where they meet. */
export async function composeWorker(parts: {
  config: Config;
  connections: Connections;
  logger: Logger;
  faults: FaultLog;
  tuning: WorkerTuning;
}): Promise<WorkerContext> {
  const { config, connections, logger, faults, tuning } = parts;
  const keyspace = new Keyspace({ prefix: config.CALLSEAL_REDIS_PREFIX, partitions: config.CALLSEAL_PARTITIONS });
  const redis = connections.open("commands");
  const run = loadScripts(redis, { sharded: connections.sharded, outboxLimit: config.CALLSEAL_OUTBOX_LIMIT });
  const deployment = await loadDeployment(config, redis, keyspace);
  const tenants = createTenantDirectory(deployment.tenants);
  warnOfDefaults(logger, { deployment, tenants, config });

  const clock = new RedisClock(redis);
  await clock.refresh();
  const signer = await createSigner(deployment.signingKeys);
  const originOf = (session: ConfirmedSession) => config.CALLSEAL_PUBLIC_URL ?? session.origin;
  // A worker creates no sessions, so what it would keep of them is the gateway's to say.
  const retention = { sessionSeconds: config.CALLSEAL_SESSION_RETENTION_SECONDS, callSeconds: 0 };
  return {
    tenants,
    sessions: new SessionStore({ run, keyspace, secret: deployment.secret, retention }),
    owedWork: new OwedWork(redis, keyspace),
    jobs: new JobQueues(connections.open("queue"), { redisPrefix: config.CALLSEAL_REDIS_PREFIX, logger }),
    providers: createCallProviders({ tenants: deployment.tenants, http: tuning.http, now: clock.now }),
    issueReceipt: createReceiptIssuer(signer, { issuer: originOf }),
    originOf,
    clock,
    tuning,
    metrics: createWorkerMetrics(),
    faults,
    redis,
    workerConnection: connections.open("worker"),
    redisPrefix: config.CALLSEAL_REDIS_PREFIX,
    keyspace,
    logger,
  };
}
