import type { Cluster, Redis } from "ioredis";
import { gatherWrites } from "./gather-writes.ts";
import { LastingCluster } from "./lasting-cluster.ts";
import { type LastingOptions, LastingRedis } from "./lasting-redis.ts";
import { parseRedisUrl, type RedisTopology } from "./parse-redis-url.ts";

export type RedisClient = Redis | Cluster;

/**
 * What a connection is for decides how it behaves when Redis is away:
 * `commands` answers a caller, so a command gives up after two seconds, and so do `queue`, which adds jobs for a caller,
 * and `durability`, which WAIT blocks now and then; `subscriber` and `adapter` subscribe again when they are back;
 * `worker` takes jobs and waits for Redis as long as it takes; so does `outbox`, which a read of events blocks for a second
 * at most.
 */
export type ConnectionRole = "commands" | "subscriber" | "adapter" | "queue" | "worker" | "durability" | "outbox";

export interface Connections {
  /** True under Redis Cluster, where pub/sub is sharded and BullMQ's keys need a hash tag. */
  sharded: boolean;
  open(role: ConnectionRole): RedisClient;
  /** Closes every connection that was opened, the newest first. */
  close(): Promise<void>;
}

/**
 * Roles that send many commands in one turn of the event loop. A queue's is the one command that a live call waits for: it
 * leaves before the acknowledgement and its log line, not after them.
 */
const gathering: ReadonlySet<ConnectionRole> = new Set(["commands", "subscriber", "worker", "outbox"]);

const commandTimeoutMs = 2000;
/** A peer that has said nothing for so long after it was asked is not late but frozen or gone: only a new connection will do. */
const deadAfterMs = 3000;
/** A sentinel that has frozen with its machine accepts connections and never answers: the next one is asked. */
const sentinelTimeoutMs = 1000;
/** Quick at first, since callers are waiting; never slower than twice a second. */
const reconnectAfterMs = (times: number) => Math.min(20 * 2 ** Math.min(times, 6), 500);

/** What a Redis answers that was the primary until a moment ago, or is not yet one again. */
const notThePrimary = /^(READONLY|LOADING|MASTERDOWN|UNBLOCKED)/;

function roleOptions(role: ConnectionRole): LastingOptions {
  const common: LastingOptions = {
    replyMapping: "legacy",
    retryStrategy: reconnectAfterMs,
    connectTimeout: 2000,
    socketTimeout: deadAfterMs,
    disconnectTimeout: 500,
    connectionName: `callseal:${role}`,
    // Refused, not sent again: a WAIT that another primary answers would say nothing about the write that it was sent
    // behind, a command of a transaction would be on its own, and one that nobody waits for any more would come back for ever.
    reconnectOnError: (error) => notThePrimary.test(error.message),
  };
  switch (role) {
    case "commands":
    case "queue":
    case "durability":
      return { ...common, commandTimeout: commandTimeoutMs, maxRetriesPerRequest: 3 };
    case "subscriber":
      // The status channel subscribes again by itself, and tells its listeners when it has.
      return { ...common, maxRetriesPerRequest: null, autoResubscribe: false };
    case "adapter":
    case "outbox":
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
      if (gathering.has(role)) gatherWrites(client);
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
      return new LastingRedis(options, { url: topology.url });
    case "sentinel":
      return new LastingRedis({
        ...options,
        sentinels: topology.hosts,
        name: topology.name,
        db: topology.db,
        username: topology.username,
        password: topology.password,
        sentinelCommandTimeout: sentinelTimeoutMs,
        sentinelRetryStrategy: (times: number) => Math.min(10 * times, 200),
      });
    case "cluster":
      return new LastingCluster(topology.hosts, clusterOptions(topology, options));
  }
}

function clusterOptions(topology: Extract<RedisTopology, { kind: "cluster" }>, options: LastingOptions) {
  // A cluster's node is left for good and found again by its slots; what is asked of the wrong one is MOVED.
  const { retryStrategy: _cluster, connectionName: _one, reconnectOnError: _moved, ...redisOptions } = options;
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
