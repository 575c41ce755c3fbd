import { Cluster, Redis, type RedisOptions } from "ioredis";
import { keepAlive } from "./keep-alive.ts";
import { parseRedisUrl, type RedisTopology } from "./parse-redis-url.ts";

export type RedisClient = Redis | Cluster;

/**
 * What a connection is for decides how it behaves when Redis is away:
 * `commands` answers a caller, so a command gives up after two seconds; `subscriber` and `adapter` ask for a sign of
 * life every second, come back by themselves and subscribe again; `durability` is blocked by WAIT now and then; `queue` adds jobs for a caller; `worker` blocks and waits for Redis as long as it takes;
 * `outbox` is blocked by a read of events for a second at most, so a longer silence is a dead connection.
 */
export type ConnectionRole = "commands" | "subscriber" | "adapter" | "queue" | "worker" | "durability" | "outbox";

export interface Connections {
  /** True under Redis Cluster, where pub/sub is sharded and BullMQ's keys need a hash tag. */
  sharded: boolean;
  open(role: ConnectionRole): RedisClient;
  /** Closes every connection that was opened, the newest first. */
  close(): Promise<void>;
}

const commandTimeoutMs = 2000;
const silenceTimeoutMs = 5000;
/** A command that gets no answer for so long is not late: its connection is dead, and only a new one will do. */
const deadAfterMs = 3000;
/** Quick at first, since callers are waiting; never slower than twice a second. */
const reconnectAfterMs = (times: number) => Math.min(20 * 2 ** Math.min(times, 6), 500);

type Options = RedisOptions & { replyMapping: "legacy" };

function roleOptions(role: ConnectionRole): Options {
  const common: Options = {
    replyMapping: "legacy",
    retryStrategy: reconnectAfterMs,
    connectTimeout: 2000,
    connectionName: `callseal:${role}`,
  };
  switch (role) {
    case "commands":
      return {
        ...common,
        commandTimeout: commandTimeoutMs,
        socketTimeout: deadAfterMs,
        maxRetriesPerRequest: 3,
        enableAutoPipelining: false,
      };
    case "queue":
      return { ...common, commandTimeout: commandTimeoutMs, socketTimeout: deadAfterMs, maxRetriesPerRequest: 3 };
    case "durability":
      return { ...common, commandTimeout: commandTimeoutMs, maxRetriesPerRequest: 3 };
    case "outbox":
      return { ...common, maxRetriesPerRequest: null, socketTimeout: silenceTimeoutMs };
    case "subscriber":
    case "adapter":
      return { ...common, maxRetriesPerRequest: null, socketTimeout: deadAfterMs };
    case "worker":
      return { ...common, maxRetriesPerRequest: null };
  }
}

/** The one factory of connections, from a REDIS_URL as parseRedisUrl describes it. `onError` hears every connection's errors, which reconnect by themselves. */
export function createConnections(url: string, onError: (role: ConnectionRole, error: Error) => void): Connections {
  const topology = parseRedisUrl(url);
  const opened: RedisClient[] = [];
  return {
    sharded: topology.kind === "cluster",
    open(role) {
      const client = connect(topology, role);
      client.on("error", (error: Error) => onError(role, error));
      if ((role === "subscriber" || role === "adapter") && client instanceof Redis) keepAlive(client);
      opened.push(client);
      return client;
    },
    async close() {
      while (opened.length > 0) {
        const client = opened.pop()!;
        client.disconnect(false);
      }
    },
  };
}

function connect(topology: RedisTopology, role: ConnectionRole): RedisClient {
  const options = roleOptions(role);
  switch (topology.kind) {
    case "standalone":
      return new Redis(topology.url, options);
    case "sentinel":
      return new Redis({
        ...options,
        sentinels: topology.hosts,
        name: topology.name,
        db: topology.db,
        username: topology.username,
        password: topology.password,
        sentinelRetryStrategy: (times: number) => Math.min(10 * times, 200),
      });
    case "cluster":
      return new Cluster(topology.hosts, clusterOptions(topology, options));
  }
}

function clusterOptions(topology: Extract<RedisTopology, { kind: "cluster" }>, options: Options) {
  const { retryStrategy: _ownedByCluster, connectionName: _one, ...redisOptions } = options;
  return {
    shardedSubscribers: true,
    slotsRefreshInterval: 2000,
    clusterRetryStrategy: (times: number) => Math.min(50 * times, 500),
    retryDelayOnFailover: 100,
    maxRedirections: 50,
    redisOptions: {
      ...redisOptions,
      ...(topology.username ? { username: topology.username } : {}),
      ...(topology.password ? { password: topology.password } : {}),
      ...(topology.tls ? { tls: {} } : {}),
    },
  };
}
