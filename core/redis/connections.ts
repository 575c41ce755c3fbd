import { Cluster, Redis, type RedisOptions } from "ioredis";
import { ConfigError } from "../config/config.ts";

export type RedisClient = Redis | Cluster;

/**
 * What a connection is for decides how it behaves when Redis is away:
 * `commands` answers a caller, so a command gives up after two seconds; `subscriber` and `adapter` come back by
 * themselves and subscribe again; `queue` adds jobs for a caller; `worker` blocks and waits for Redis as long as it takes.
 */
export type ConnectionRole = "commands" | "subscriber" | "adapter" | "queue" | "worker";

export interface Connections {
  /** True under Redis Cluster, where pub/sub is sharded and BullMQ's keys need a hash tag. */
  sharded: boolean;
  open(role: ConnectionRole): RedisClient;
  /** Closes every connection that was opened, the newest first. */
  close(): Promise<void>;
}

type Topology =
  | { kind: "standalone"; url: string }
  | { kind: "sentinel"; hosts: Host[]; name: string; db: number; username: string; password: string }
  | { kind: "cluster"; hosts: Host[]; username: string; password: string; tls: boolean };

interface Host {
  host: string;
  port: number;
}

/**
 * Reads a REDIS_URL:
 * `redis://[user:password@]host:port[/db]`, `rediss://…` (TLS);
 * `redis+sentinel://[user:password@]host:port,host:port/name[/db]` (the sentinels, then the name of the primary);
 * `redis+cluster://[user:password@]host:port,host:port` and `rediss+cluster://…` (some of the cluster's nodes).
 */
export function parseRedisUrl(text: string): Topology {
  const match =
    /^(redis|rediss|redis\+sentinel|redis\+cluster|rediss\+cluster):\/\/(?:([^@/]*)@)?([^/]+)(?:\/(.*))?$/.exec(text);
  const hosts = match?.[3]?.split(",").map(parseHost);
  if (!match || !hosts || hosts.includes(undefined))
    throw new ConfigError("The environment is not usable:", ["REDIS_URL: is not a Redis URL"]);
  const [username = "", password = ""] = (match[2] ?? "").split(":").map(decodeURIComponent);
  const nodes = hosts as Host[];
  if (match[1] === "redis" || match[1] === "rediss") return { kind: "standalone", url: text };
  if (match[1] !== "redis+sentinel")
    return { kind: "cluster", hosts: nodes, username, password, tls: match[1] === "rediss+cluster" };
  const [name, db = "0"] = (match[4] ?? "").split("/");
  if (!name)
    throw new ConfigError("The environment is not usable:", [
      "REDIS_URL: the name of the primary is missing: redis+sentinel://host:port/name",
    ]);
  return { kind: "sentinel", hosts: nodes, name, db: Number(db), username, password };
}

function parseHost(text: string): Host | undefined {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text);
  return match ? { host: match[1]!.replace(/^\[|\]$/g, ""), port: Number(match[2] ?? 6379) } : undefined;
}

const commandTimeoutMs = 2000;
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
      return { ...common, commandTimeout: commandTimeoutMs, maxRetriesPerRequest: 3, enableAutoPipelining: false };
    case "queue":
      return { ...common, commandTimeout: commandTimeoutMs, maxRetriesPerRequest: 3 };
    case "subscriber":
    case "adapter":
    case "worker":
      return { ...common, maxRetriesPerRequest: null };
  }
}

/** The one factory of connections. `onError` hears every connection's errors, which reconnect by themselves. */
export function createConnections(url: string, onError: (role: ConnectionRole, error: Error) => void): Connections {
  const topology = parseRedisUrl(url);
  const opened: RedisClient[] = [];
  return {
    sharded: topology.kind === "cluster",
    open(role) {
      const client = connect(topology, role);
      client.on("error", (error: Error) => onError(role, error));
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

function connect(topology: Topology, role: ConnectionRole): RedisClient {
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

function clusterOptions(topology: Extract<Topology, { kind: "cluster" }>, options: Options) {
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
