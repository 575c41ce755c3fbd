import type { DeviceStore } from "../core/devices/device-store.ts";
import type { VerifyJws } from "../core/devices/verify-jws.ts";
import type { EventLog } from "../core/events/event-log.ts";
import type { IssueReceipt } from "../core/keys/issue-receipt.ts";
import type { Signer } from "../core/keys/signer.ts";
import type { RateLimits } from "../core/limits/rate-limits.ts";
import type { Logger } from "../core/logging/create-logger.ts";
import type { EventLoopWatch } from "../core/process/watch-event-loop.ts";
import type { JobQueues } from "../core/queue/job-queues.ts";
import type { RedisClient } from "../core/redis/connections.ts";
import type { DidIndex } from "../core/redis/did-index.ts";
import type { RedisClock } from "../core/redis/redis-clock.ts";
import type { ReplicationBarrier } from "../core/redis/replication-barrier.ts";
import type { SessionStore } from "../core/redis/session-store.ts";
import type { StatusChannel } from "../core/redis/status-channel.ts";
import type { VerifiedCases } from "../core/redis/verified-cases.ts";
import type { TenantDirectory } from "../core/tenants/tenant-directory.ts";
import type { Admission } from "./admission/admission.ts";
import type { SocketGate } from "./admission/socket-gate.ts";
import type { Background } from "./background.ts";
import type { DeviceSockets } from "./device/device-sockets.ts";
import type { Withdrawals } from "./device/withdrawals.ts";
import type { GatewayMetrics } from "./gateway-metrics.ts";
import type { RequestsUnderWay } from "./http/requests-under-way.ts";
import type { Opened } from "./sessions/opened.ts";
import type { SessionTimeouts } from "./sessions/session-timeouts.ts";
import type { TerminalWaiter } from "./waiting/terminal-waiter.ts";

/** What a gateway is made of: built once in start-gateway.ts and handed to everything that answers a request. */
export interface GatewayContext {
  /** The origin in `aud`, receipts and webhook signatures. */
  publicUrl: string;
  tenants: TenantDirectory;
  sessions: SessionStore;
  /** Present when replicas must have a decision before it is acknowledged. */
  barrier?: ReplicationBarrier;
  dids: DidIndex;
  devices: DeviceStore;
  /** A session's script cannot look at a device's record, which lies in another slot: how a device stands is asked before. */
  standingApart: boolean;
  cases: VerifiedCases;
  events: EventLog;
  limits: RateLimits;
  statusChannel: StatusChannel;
  waiter: TerminalWaiter;
  jobs: JobQueues;
  timeouts: SessionTimeouts;
  /** Sends to the sockets of a device on every gateway. */
  deviceSockets: DeviceSockets;
  withdrawals: Withdrawals;
  signer: Signer;
  issueReceipt: IssueReceipt;
  verifyJws: VerifyJws;
  /** Sessions that are being opened now, by call: see open-session.ts. */
  openings: Map<string, Promise<Opened>>;
  background: Background;
  requestsUnderWay: RequestsUnderWay;
  /** What this gateway takes on at once. */
  admission: Admission;
  gate: SocketGate;
  eventLoop: EventLoopWatch;
  metrics: GatewayMetrics;
  /** For probes only; everything else goes through a store. */
  redis: RedisClient;
  /** What tokens, proofs and cases are judged by: never this machine's own clock. */
  clock: RedisClock;
  logger: Logger;
}
