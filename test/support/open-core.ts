import { randomBytes } from "node:crypto";
import { DeviceStore } from "../../core/devices/device-store.ts";
import { EventLog } from "../../core/events/event-log.ts";
import { RateLimits } from "../../core/limits/rate-limits.ts";
import { type Connections, createConnections, type RedisClient } from "../../core/redis/connections.ts";
import { Keyspace } from "../../core/redis/keys.ts";
import { loadScripts, type RunScript } from "../../core/redis/scripts.ts";
import { type Retention, SessionStore } from "../../core/redis/session-store.ts";
import { StatusChannel } from "../../core/redis/status-channel.ts";

export interface CoreOptions {
  /** Another process of the same deployment: give the first one's prefix. Default: a fresh one. */
  prefix?: string;
  /** Default 16. */
  partitions?: number;
  secret?: string;
  retention?: Retention;
  /** Events kept a partition. Default 25,000. */
  outboxLimit?: number;
}

/** What one process of a deployment holds, over connections of its own. */
export interface Core {
  connections: Connections;
  redis: RedisClient;
  run: RunScript;
  keyspace: Keyspace;
  secret: string;
  sessions: SessionStore;
  devices: DeviceStore;
  events: EventLog;
  limits: RateLimits;
  /** Opens a subscriber connection with a status channel on it. */
  openStatus(): { subscriber: RedisClient; status: StatusChannel };
  close(): Promise<void>;
}

export const testSecret = "a-secret-of-the-tests-with-32-bytes-or-more";

/** Opens the core on a Redis URL as a gateway does. Connection errors are collected nowhere: tests end connections. */
export function openCore(url: string, options: CoreOptions = {}): Core {
  const connections = createConnections(url, () => undefined);
  const redis = connections.open("commands");
  const keyspace = new Keyspace({
    prefix: options.prefix ?? `t${randomBytes(6).toString("hex")}`,
    partitions: options.partitions ?? 16,
  });
  const secret = options.secret ?? testSecret;
  const run = loadScripts(redis, { sharded: connections.sharded, outboxLimit: options.outboxLimit ?? 25_000 });
  const retention = options.retention ?? { sessionSeconds: 900, callSeconds: 3600 };
  return {
    connections,
    redis,
    run,
    keyspace,
    secret,
    sessions: new SessionStore({ run, keyspace, secret, retention }),
    devices: new DeviceStore({ redis, run, keyspace, secret }),
    events: new EventLog(redis, run, keyspace),
    limits: new RateLimits(redis, keyspace),
    openStatus: () => {
      const subscriber = connections.open("subscriber");
      return { subscriber, status: new StatusChannel(subscriber, { keyspace, sharded: connections.sharded }) };
    },
    close: () => connections.close(),
  };
}
