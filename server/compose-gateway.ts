import type { Server } from "socket.io";
import type { Config } from "../core/config/config.ts";
import { DeviceStore } from "../core/devices/device-store.ts";
import { createJwsVerifier } from "../core/devices/verify-jws.ts";
import { EventLog } from "../core/events/event-log.ts";
import { loadDeployment } from "../core/keys/deployment-secrets.ts";
import { createReceiptIssuer } from "../core/keys/issue-receipt.ts";
import { createSigner } from "../core/keys/signer.ts";
import { RateLimits } from "../core/limits/rate-limits.ts";
import type { Logger } from "../core/logging/create-logger.ts";
import { showEventLoop } from "../core/process/event-loop-metrics.ts";
import { watchEventLoop } from "../core/process/watch-event-loop.ts";
import { JobQueues } from "../core/queue/job-queues.ts";
import { combinesSlots } from "../core/redis/combines-slots.ts";
import type { Connections } from "../core/redis/connections.ts";
import { DidIndex } from "../core/redis/did-index.ts";
import { Keyspace } from "../core/redis/keys.ts";
import { RedisClock } from "../core/redis/redis-clock.ts";
import { ReplicationBarrier } from "../core/redis/replication-barrier.ts";
import { loadScripts } from "../core/redis/scripts.ts";
import { SessionStore } from "../core/redis/session-store.ts";
import { StatusChannel } from "../core/redis/status-channel.ts";
import { VerifiedCases } from "../core/redis/verified-cases.ts";
import { createTenantDirectory } from "../core/tenants/tenant-directory.ts";
import { warnOfDefaults } from "../core/tenants/warn-of-defaults.ts";
import { createAdmission } from "./admission/admission.ts";
import { SocketGate } from "./admission/socket-gate.ts";
import { Background } from "./background.ts";
import { DeviceSockets, deviceNamespace } from "./device/device-sockets.ts";
import { Withdrawals } from "./device/withdrawals.ts";
import type { GatewayContext } from "./gateway-context.ts";
import { createGatewayMetrics } from "./gateway-metrics.ts";
import { RequestsUnderWay } from "./http/requests-under-way.ts";
import { SessionTimeouts } from "./sessions/session-timeouts.ts";
import { TerminalWaiter } from "./waiting/terminal-waiter.ts";

/** A call is remembered for a day after its last session, so that a later one continues its generations. */
const callRetentionSeconds = 86_400;

/** Makes the parts of a gateway: the one place where they meet. */
export async function composeGateway(parts: {
  config: Config;
  connections: Connections;
  logger: Logger;
  publicUrl: string;
  io: Server;
}): Promise<GatewayContext> {
  const { config, connections, logger, publicUrl } = parts;
  const keyspace = new Keyspace({ prefix: config.CALLSEAL_REDIS_PREFIX, partitions: config.CALLSEAL_PARTITIONS });
  const redis = connections.open("commands");
  const queue = connections.open("queue");
  const run = loadScripts(redis, { sharded: connections.sharded, outboxLimit: config.CALLSEAL_OUTBOX_LIMIT });
  const deployment = await loadDeployment(config, redis, keyspace);
  const tenants = createTenantDirectory(deployment.tenants);
  warnOfDefaults(logger, { deployment, tenants, config });

  const clock = new RedisClock(redis);
  const [combines] = await Promise.all([combinesSlots(redis, keyspace), clock.refresh()]);
  const signer = await createSigner(deployment.signingKeys);
  const retention = { sessionSeconds: config.CALLSEAL_SESSION_RETENTION_SECONDS, callSeconds: callRetentionSeconds };
  const sessions = new SessionStore({ run, keyspace, secret: deployment.secret, retention });
  const statusChannel = new StatusChannel(connections.open("subscriber"), { keyspace, sharded: connections.sharded });
  const background = new Background(logger);
  const jobs = new JobQueues(queue, { redisPrefix: config.CALLSEAL_REDIS_PREFIX, logger });
  const deviceSockets = new DeviceSockets(deviceNamespace(parts.io));
  const metrics = createGatewayMetrics();
  const admission = createAdmission(config, metrics.registry);
  const eventLoop = watchEventLoop({ limitMs: config.CALLSEAL_EVENT_LOOP_DELAY_LIMIT_MS });
  showEventLoop(metrics.registry, eventLoop);
  return {
    publicUrl,
    tenants,
    sessions,
    ...openBarrier(config, connections, keyspace),
    dids: new DidIndex(redis, run, keyspace),
    devices: new DeviceStore({ redis, run, keyspace, secret: deployment.secret, now: clock.now }),
    standingApart: !combines,
    cases: new VerifiedCases(redis, keyspace),
    events: new EventLog(redis, run, keyspace),
    limits: new RateLimits(redis, keyspace),
    statusChannel,
    waiter: new TerminalWaiter(sessions, statusChannel),
    jobs,
    timeouts: new SessionTimeouts({ jobs, sessions, background }),
    deviceSockets,
    withdrawals: new Withdrawals({ sessions, channel: statusChannel, sockets: deviceSockets, background }),
    signer,
    issueReceipt: createReceiptIssuer(signer, { issuer: publicUrl }),
    verifyJws: createJwsVerifier(),
    openings: new Map(),
    background,
    requestsUnderWay: new RequestsUnderWay(),
    admission,
    gate: new SocketGate(admission),
    eventLoop,
    metrics,
    redis,
    clock,
    logger,
  };
}

function openBarrier(config: Config, connections: Connections, keyspace: Keyspace): { barrier?: ReplicationBarrier } {
  const replicas = config.CALLSEAL_DURABILITY_REPLICAS;
  if (replicas === 0) return {};
  return {
    barrier: new ReplicationBarrier(connections.open("durability"), {
      keyspace,
      replicas,
      cluster: connections.sharded,
    }),
  };
}
