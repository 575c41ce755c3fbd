import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";
import { type RedisNode, type RedisSettings, spawnRedis } from "./spawn-redis.ts";
import { waitFor } from "./wait-for.ts";

export interface ClusterOptions {
  /** Default 3. */
  masters?: number;
  /** Replicas of each master. Default 0. */
  replicas?: number;
  /** How long a node may be silent, in milliseconds. Default 2000. */
  nodeTimeoutMs?: number;
  /** Further settings of every node. */
  settings?: RedisSettings;
}

/** A cluster of plain redis-server processes; they die with this one. */
export interface RedisCluster {
  /** `redis+cluster://:password@host:port,…` of every node that was a master at the start. */
  url: string;
  /** A connection to each of the first masters, outside the cluster client. */
  masters: readonly Redis[];
  /** The first masters, then the replicas. */
  nodes: readonly RedisNode[];
  /** Primaries that `killPrimary` and `freezePrimary` have struck: a fault test proves that its faults happened. */
  readonly struck: number;
  /** The living primary that serves the key's slot, or the first one that is found without a key. */
  primary(key?: string): Promise<RedisNode>;
  /** Ends the primary of the key with SIGKILL, and answers which it was. */
  killPrimary(key?: string): Promise<RedisNode>;
  /** Stops it with SIGSTOP: it keeps its connections and says nothing more. */
  freezePrimary(key?: string): Promise<RedisNode>;
  /** Waits until every live node knows every slot to be served by a primary that lives. */
  healed(): Promise<void>;
  /** Starts what was killed and thaws what was frozen: the cluster makes replicas of them. */
  revive(): Promise<void>;
  /** Waits until each primary's replicas acknowledge what it writes. Default: one each. */
  inSync(replicas?: number): Promise<void>;
  close(): Promise<void>;
}

const slots = 16_384;

/** Starts the nodes, shares the slots out among the masters, and waits until all agree. */
export async function startRedisCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const { masters: count = 3, replicas = 0, nodeTimeoutMs = 2000 } = options;
  const password = randomBytes(12).toString("hex");
  const settings = {
    "cluster-enabled": "yes",
    "cluster-node-timeout": String(nodeTimeoutMs),
    "cluster-allow-replica-migration": "no",
    ...options.settings,
  };
  const started = await Promise.allSettled(
    Array.from({ length: count * (1 + replicas) }, () => spawnRedis({ password, settings })),
  );
  const nodes = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const close = async () => {
    await Promise.all(nodes.map((node) => node.close()));
  };
  try {
    if (nodes.length < started.length) throw new Error("a node of the cluster did not start");
    await join(nodes, count);
    const hosts = nodes.slice(0, count).map(({ port }) => `127.0.0.1:${port}`);
    const cluster = describe(nodes, {
      url: `redis+cluster://:${password}@${hosts.join(",")}`,
      masters: nodes.slice(0, count).map(({ admin }) => admin),
      close,
    });
    if (replicas > 0) await cluster.inSync(replicas);
    return cluster;
  } catch (error) {
    await close();
    throw error;
  }
}

async function join(nodes: readonly RedisNode[], count: number): Promise<void> {
  const share = Math.ceil(slots / count);
  const first = nodes[0]!;
  const busPort = ((await first.admin.config("GET", "cluster-port")) as string[])[1]!;
  for (const [index, { admin }] of nodes.entries()) {
    await admin.call("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
    const last = Math.min((index + 1) * share, slots) - 1;
    if (index < count) await admin.call("CLUSTER", "ADDSLOTSRANGE", String(index * share), String(last));
    if (index > 0) await admin.call("CLUSTER", "MEET", "127.0.0.1", String(first.port), busPort);
  }
  await allKnow(nodes, nodes.length);
  const ids = await Promise.all(nodes.map(({ admin }) => admin.call("CLUSTER", "MYID")));
  for (const [index, { admin }] of nodes.entries()) {
    if (index >= count) await admin.call("CLUSTER", "REPLICATE", ids[index % count] as string);
  }
  await allKnow(nodes, nodes.length);
}

async function allKnow(nodes: readonly RedisNode[], known: number): Promise<void> {
  await waitFor("every node knows every slot", async () => {
    const states = await Promise.all(nodes.map(({ admin }) => admin.call("CLUSTER", "INFO") as Promise<string>));
    return states.every((info) =>
      ["cluster_state:ok", `cluster_slots_ok:${slots}`, `cluster_known_nodes:${known}\r`].every((wanted) =>
        info.includes(wanted),
      ),
    );
  });
}

function describe(nodes: readonly RedisNode[], base: Pick<RedisCluster, "url" | "masters" | "close">): RedisCluster {
  let struck = 0;
  const live = () => nodes.filter((node) => node.alive && !node.frozen);
  const primary = (key?: string) =>
    waitFor("the cluster names a living primary", async () => await findPrimary(live(), key), { withinMs: 30_000 });
  const strike = async (key: string | undefined, blow: (node: RedisNode) => Promise<void> | void) => {
    const node = await primary(key);
    await blow(node);
    struck += 1;
    return node;
  };
  return {
    ...base,
    nodes,
    get struck() {
      return struck;
    },
    primary,
    killPrimary: (key) => strike(key, (node) => node.kill()),
    freezePrimary: (key) => strike(key, (node) => node.freeze()),
    async healed() {
      const served = async () => {
        const ports = live().map(({ port }) => port);
        const owners = await Promise.all(live().map(readOwners));
        return owners.every(({ ok, primaries }) => ok && primaries.every((port) => ports.includes(port)));
      };
      await waitFor("every slot is served by a living primary", served, { withinMs: 30_000, everyMs: 20 });
    },
    async revive() {
      for (const node of nodes) {
        if (!node.alive) await node.start();
        else if (node.frozen) node.thaw();
      }
    },
    async inSync(replicas = 1) {
      const synced = async () => {
        const counts = await Promise.all(live().map((node) => countFollowers(node, replicas)));
        return counts.every((followers) => followers >= replicas);
      };
      await waitFor("every primary has its replicas in sync", synced, { withinMs: 30_000, everyMs: 50 });
    },
  };
}

async function findPrimary(live: readonly RedisNode[], key: string | undefined): Promise<RedisNode | undefined> {
  for (const node of live) {
    const [role] = (await node.admin.call("ROLE").catch(() => [])) as unknown[];
    if (role !== "master") continue;
    if (key === undefined) return node;
    const slot = (await node.admin.call("CLUSTER", "KEYSLOT", key)) as number;
    const { ranges } = await readOwners(node);
    const owner = ranges.find(({ first, last }) => first <= slot && slot <= last);
    return live.find(({ port }) => port === owner?.port);
  }
  return undefined;
}

/** Who serves what, as the node sees it. */
async function readOwners({ admin }: RedisNode) {
  const info = (await admin.call("CLUSTER", "INFO").catch(() => "")) as string;
  const rows = (await admin.call("CLUSTER", "SLOTS").catch(() => [])) as [number, number, [string, number]][];
  const ranges = rows.map(([first, last, [, port]]) => ({ first, last, port }));
  return { ok: info.includes("cluster_state:ok"), ranges, primaries: ranges.map(({ port }) => port) };
}

/** As many as are wanted, for a node that has none because it follows another one. */
async function countFollowers({ admin }: RedisNode, wanted: number): Promise<number> {
  try {
    const [role, , , link] = (await admin.call("ROLE")) as unknown[];
    if (role === "slave") return link === "connected" ? wanted : 0;
    return await admin.wait(wanted, 100);
  } catch {
    return 0;
  }
}
