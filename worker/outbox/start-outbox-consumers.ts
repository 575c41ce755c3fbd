import { Queue } from "bullmq";
import type { Registry } from "prom-client";
import { AuditChain } from "../../core/audit/audit-chain.ts";
import type { Logger } from "../../core/logging/create-logger.ts";
import type { OutboxBatch, OutboxGroup } from "../../core/outbox/outbox-batch.ts";
import { type OutboxReader, startOutboxReader } from "../../core/outbox/outbox-reader.ts";
import { notificationQueue } from "../../core/queue/notification-queue.ts";
import { queuePrefix } from "../../core/queue/queues.ts";
import type { Connections } from "../../core/redis/connections.ts";
import type { Keyspace } from "../../core/redis/keys.ts";
import { loadScripts } from "../../core/redis/scripts.ts";
import type { TenantDirectory } from "../../core/tenants/tenant-directory.ts";
import { createGuardedDispatcher } from "../delivery/guarded-dispatcher.ts";
import { queueNotifications } from "../notifications/queue-notifications.ts";
import { takeNotificationJobs } from "../notifications/take-notification-jobs.ts";
import { countEvents } from "./count-events.ts";
import { logChainEnds } from "./log-chain-ends.ts";
import { createOutboxMetrics, type OutboxMetrics } from "./outbox-metrics.ts";

export interface OutboxConsumersOptions {
  connections: Connections;
  keyspace: Keyspace;
  outboxLimit: number;
  tenants: TenantDirectory;
  registry: Registry;
  logger: Logger;
  onFault: (event: string, error: unknown, fields: Record<string, unknown>) => void;
  /** How the readers and the notifications behave; for tests. */
  tuning?: Partial<OutboxTuning>;
}

export interface OutboxTuning {
  /** See startOutboxReader. */
  staleAfterMs: number;
  claimEveryMs: number;
  /** Attempts to notify that are under way at once, and those of them at one endpoint. Defaults 32 and 8. */
  concurrency: number;
  slotsPerEndpoint: number;
  /** Milliseconds for one attempt. Default 10,000. */
  timeoutMs: number;
  retryDelayMs: (attemptsMade: number, error?: Error) => number;
  /** How often the ends of the audit chains are logged. Default 600,000 ms. */
  anchorEveryMs: number;
}

const anchorEveryMs = 600_000;
/** Trail and metrics are read by people, minutes later: the more events share a read, the less each of them costs. */
const unhurriedMs = 500;

/** What makes of a worker's outbox an audit trail, tenants' notifications and metrics. */
export interface OutboxConsumers {
  /** Finishes what is in hand. Idempotent. */
  close(): Promise<void>;
}

/** Starts the groups `audit` and `webhooks`, and the delivery of notifications. */
export function startOutboxConsumers(options: OutboxConsumersOptions): OutboxConsumers {
  const metrics = createOutboxMetrics(options.registry);
  const notifications = startNotifications(options, metrics);
  const chain = openChain(options, metrics);
  const readers = [
    startReader(options, {
      group: "audit",
      metrics,
      watchGaps: false,
      gatherMs: unhurriedMs,
      handlerAcknowledges: true,
      handle: async (batch) => {
        // Counted first: what the chain could not take comes again, and is not counted again.
        countEvents(batch, { counter: metrics.events, tenants: options.tenants });
        await chain.record(batch);
      },
    }),
    startReader(options, { group: "webhooks", metrics, watchGaps: true, handle: notifications.queue }),
  ];
  const ends = logChainEnds({
    chain,
    partitions: options.keyspace.partitions,
    logger: options.logger,
    everyMs: options.tuning?.anchorEveryMs ?? anchorEveryMs,
    onFault: (error) => options.onFault("audit.unanchored", error, {}),
  });
  let closing: Promise<void> | undefined;
  const close = async () => {
    await Promise.all([ends.close(), ...readers.map((reader) => reader.close())]);
    await notifications.close();
  };
  return {
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

interface Consumer {
  group: OutboxGroup;
  metrics: OutboxMetrics;
  watchGaps: boolean;
  gatherMs?: number;
  handlerAcknowledges?: boolean;
  handle: (batch: OutboxBatch) => Promise<void>;
}

function startReader(options: OutboxConsumersOptions, consumer: Consumer): OutboxReader {
  const { connections, keyspace, tuning } = options;
  const { group, metrics } = consumer;
  const redis = connections.open("outbox");
  return startOutboxReader({
    group,
    keyspace,
    redis,
    run: loadScripts(redis, { sharded: connections.sharded, outboxLimit: options.outboxLimit }),
    handle: consumer.handle,
    watchGaps: consumer.watchGaps,
    handlerAcknowledges: consumer.handlerAcknowledges ?? false,
    ...(consumer.gatherMs === undefined ? {} : { gatherMs: consumer.gatherMs }),
    onFault: (error) => options.onFault("outbox.failed", error, { group }),
    onLag: (partition, lag) => metrics.setLag(group, partition, lag),
    ...(consumer.watchGaps ? { onGap: (gap) => reportGap(options, { ...gap, group, metrics }) } : {}),
    ...(tuning?.staleAfterMs === undefined ? {} : { staleAfterMs: tuning.staleAfterMs }),
    ...(tuning?.claimEveryMs === undefined ? {} : { claimEveryMs: tuning.claimEveryMs }),
  });
}

/** The chain knows itself what it is missing: an event may be trimmed away after it was given to somebody. */
function openChain(options: OutboxConsumersOptions, metrics: OutboxMetrics): AuditChain {
  const { connections, keyspace, outboxLimit } = options;
  const redis = connections.open("commands");
  return new AuditChain({
    redis,
    run: loadScripts(redis, { sharded: connections.sharded, outboxLimit }),
    keyspace,
    onGap: (gap) => reportGap(options, { ...gap, group: "audit", metrics }),
  });
}

function reportGap(
  { logger }: OutboxConsumersOptions,
  gap: { group: OutboxGroup; partition: number; missing: number; metrics: OutboxMetrics },
): void {
  const { group, partition, missing, metrics } = gap;
  metrics.missing.inc({ group }, missing);
  logger.error({ group, partition, missing, remedy: "raise CALLSEAL_OUTBOX_LIMIT or add workers" }, "outbox.gap");
}

function startNotifications(options: OutboxConsumersOptions, metrics: OutboxMetrics) {
  const { connections, keyspace, tenants, logger, tuning } = options;
  const queue = new Queue(notificationQueue.name, {
    connection: connections.open("queue"),
    prefix: queuePrefix(keyspace.prefix),
  });
  const onFault = (error: unknown) => options.onFault("queue.failed", error, { queue: notificationQueue.name });
  queue.on("error", onFault);
  // What a development tenant may reach must not lend its connections to another's.
  const [guarded, permissive] = [createGuardedDispatcher(), createGuardedDispatcher({ allowInsecureTargets: true })];
  const jobs = takeNotificationJobs({
    tenants,
    targetOf: (tenant) => (tenant.allowInsecureTargets ? permissive : guarded),
    connection: connections.open("worker"),
    redisPrefix: keyspace.prefix,
    logger,
    onFault,
    count: (tenant, result) => metrics.notifications.inc({ tenant, result }),
    timeoutMs: tuning?.timeoutMs ?? 10_000,
    concurrency: tuning?.concurrency ?? 32,
    slotsPerEndpoint: tuning?.slotsPerEndpoint ?? 8,
    ...(tuning?.retryDelayMs === undefined ? {} : { retryDelayMs: tuning.retryDelayMs }),
  });
  return {
    queue: (batch: OutboxBatch) => queueNotifications(batch, { queue, tenants }),
    close: async () => {
      await jobs.close();
      await queue.close();
      await Promise.all([guarded.close(), permissive.close()]);
    },
  };
}
