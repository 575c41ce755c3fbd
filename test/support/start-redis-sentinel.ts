import { randomBytes } from "node:crypto";
import { type RedisNode, spawnRedis } from "./spawn-redis.ts";
import { waitFor } from "./wait-for.ts";

export interface SentinelOptions {
  /** Default 2. */
  replicas?: number;
  /** Default 3; two of them must agree. */
  sentinels?: number;
  /**
   * How long a primary may be silent, in milliseconds. Default 1200. At 1000 and below a sentinel's first ping to a new
   * primary is as late as its deadline, so that many a failover is followed by a second one: ask for 500 to have those.
   */
  downAfterMs?: number;
  /** Sentinels begin a further failover only twice this long after the last one. Default 3000. */
  failoverTimeoutMs?: number;
}

/** A primary with replicas and sentinels, all real processes; they die with this one. */
export interface RedisSentinel {
  /** `redis+sentinel://:password@host:port,…/callseal` of every sentinel. */
  url: string;
  /** Data nodes, then the sentinels. */
  nodes: readonly RedisNode[];
  sentinels: readonly RedisNode[];
  /** Primaries that `killPrimary` and `freezePrimary` have struck: a fault test proves that its faults happened. */
  readonly struck: number;
  /** The node that the sentinels name and that calls itself primary; waited for. */
  primary(): Promise<RedisNode>;
  /** Ends the primary with SIGKILL, and answers which it was. */
  killPrimary(): Promise<RedisNode>;
  /** Stops the primary with SIGSTOP: it keeps its connections and says nothing more. */
  freezePrimary(): Promise<RedisNode>;
  /** Has a sentinel put a replica in the primary's place now, not when it is found to be down. */
  failOver(): Promise<void>;
  /** The primary that comes after `old`, waited for. */
  primaryAfter(old: RedisNode): Promise<RedisNode>;
  /** Starts what was killed and thaws what was frozen, as replicas of the primary that is now. */
  revive(): Promise<void>;
  /** Waits until so many replicas acknowledge what the primary writes, and every sentinel can use them. Default: every live one. */
  inSync(replicas?: number): Promise<void>;
  close(): Promise<void>;
}

const name = "callseal";

export async function startRedisSentinel(options: SentinelOptions = {}): Promise<RedisSentinel> {
  const { replicas = 2, sentinels: count = 3, downAfterMs = 1200, failoverTimeoutMs = 3000 } = options;
  const password = randomBytes(12).toString("hex");
  const nodes: RedisNode[] = [];
  const sentinels: RedisNode[] = [];
  const close = async () => {
    await Promise.all([...sentinels, ...nodes].map((node) => node.close()));
  };
  try {
    const first = await spawnRedis({ password, settings: {} });
    nodes.push(first);
    const settings = { replicaof: `127.0.0.1 ${first.port}` };
    nodes.push(...(await Promise.all(Array.from({ length: replicas }, () => spawnRedis({ password, settings })))));
    const sentinel = [
      `monitor ${name} 127.0.0.1 ${first.port} ${Math.floor(count / 2) + 1}`,
      `auth-pass ${name} ${password}`,
      `down-after-milliseconds ${name} ${downAfterMs}`,
      `failover-timeout ${name} ${failoverTimeoutMs}`,
      `parallel-syncs ${name} ${replicas}`,
    ];
    const one = () => spawnRedis({ sentinel: true, settings: { sentinel } });
    sentinels.push(...(await Promise.all(Array.from({ length: count }, one))));
    const redis = describe({ nodes, sentinels, password, close });
    await redis.inSync();
    return redis;
  } catch (error) {
    await close();
    throw error;
  }
}

function describe(parts: {
  nodes: RedisNode[];
  sentinels: RedisNode[];
  password: string;
  close: () => Promise<void>;
}): RedisSentinel {
  const { nodes, sentinels, password, close } = parts;
  let struck = 0;
  const find = (except?: RedisNode) =>
    waitFor(
      "the sentinels name a primary, and it agrees",
      async () => {
        const ports = await Promise.all(sentinels.map(namedPort));
        const node = nodes.find(({ port }) => port === ports[0]);
        if (node === undefined || node === except || ports.some((port) => port !== node.port)) return;
        return (await roleOf(node)) === "master" ? node : undefined;
      },
      { withinMs: 30_000, everyMs: 20 },
    );
  const strike = async (blow: (node: RedisNode) => Promise<void> | void) => {
    const node = await find();
    await blow(node);
    struck += 1;
    return node;
  };
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
  return {
    url: `redis+sentinel://:${password}@${hosts}/${name}`,
    nodes,
    sentinels,
    get struck() {
      return struck;
    },
    primary: () => find(),
    killPrimary: () => strike((node) => node.kill()),
    freezePrimary: () => strike((node) => node.freeze()),
    async failOver() {
      await sentinels[0]!.admin.call("SENTINEL", "FAILOVER", name);
    },
    primaryAfter: (old) => find(old),
    async revive() {
      const { port } = await find();
      await Promise.all(nodes.filter((node) => !node.alive || node.frozen).map((node) => followAgain(node, port)));
    },
    async inSync(replicas) {
      const wanted = replicas ?? nodes.filter((node) => node.alive && !node.frozen).length - 1;
      const synced = async () => {
        // Two sentinels may each have won an election, so the primary of a moment ago may be none by now.
        if ((await countFollowers(await find(), wanted).catch(() => 0)) < wanted) return false;
        const counts = await Promise.all(sentinels.map(countUsable));
        return counts.every((usable) => usable >= wanted);
      };
      await waitFor(`${wanted} replicas are in sync`, synced, { withinMs: 30_000, everyMs: 50 });
    },
    close,
  };
}

async function followAgain(node: RedisNode, primaryPort: number): Promise<void> {
  if (!node.alive) return await node.start({ replicaof: `127.0.0.1 ${primaryPort}` });
  node.thaw();
  await node.admin.replicaof("127.0.0.1", primaryPort);
}

async function namedPort(sentinel: RedisNode): Promise<number> {
  const address = (await sentinel.admin.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)) as [string, string];
  return Number(address[1]);
}

async function countFollowers({ admin }: RedisNode, wanted: number): Promise<number> {
  await admin.set("test:marker", "1", "EX", 60);
  return await admin.wait(wanted, 100);
}

/** "master", "slave", or undefined for a node that does not answer. */
async function roleOf(node: RedisNode): Promise<string | undefined> {
  if (!node.alive || node.frozen) return undefined;
  const answer = await (node.admin.call("ROLE") as Promise<unknown[]>).catch(() => []);
  return answer[0] as string | undefined;
}

/** Replicas that the sentinel would promote: it looks at each one's link every second or ten. */
async function countUsable(sentinel: RedisNode): Promise<number> {
  // Until the sentinels have found each other this is an error.
  const quorum = await (sentinel.admin.call("SENTINEL", "CKQUORUM", name) as Promise<string>).catch(() => "");
  if (!quorum.startsWith("OK")) return 0;
  const replicas = (await sentinel.admin.call("SENTINEL", "REPLICAS", name)) as string[][];
  const field = (flat: string[], wanted: string) => flat[flat.indexOf(wanted) + 1];
  return replicas.filter((flat) => field(flat, "flags") === "slave" && field(flat, "master-link-status") === "ok")
    .length;
}
