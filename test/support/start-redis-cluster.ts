import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { type EmbeddedRedis, startEmbeddedRedis } from "../../core/redis/embedded-redis.ts";
import { waitFor } from "./wait-for.ts";

export interface RedisCluster {
  /** `redis+cluster://:password@host:port,…` of every master. */
  url: string;
  /** A connection to each master, outside the cluster client. */
  masters: readonly Redis[];
  close(): Promise<void>;
}

const slots = 16_384;

/** Starts masters from plain redis-server processes, shares the slots out among them and waits until all agree. */
export async function startRedisCluster(count = 3): Promise<RedisCluster> {
  const password = randomBytes(12).toString("hex");
  const extra = { "cluster-enabled": "yes", "cluster-node-timeout": "2000", requirepass: password };
  const nodes: EmbeddedRedis[] = [];
  const masters: Redis[] = [];
  const close = async () => {
    for (const master of masters) master.disconnect();
    await Promise.all(nodes.map((node) => node.close()));
  };
  try {
    for (let index = 0; index < count; index += 1) {
      const node = await startEmbeddedRedis({ extra });
      nodes.push(node);
      masters.push(new Redis({ port: node.port, password, connectionName: "test:admin", replyMapping: "legacy" }));
    }
    await join(masters, nodes);
  } catch (error) {
    await close();
    throw error;
  }
  const hosts = nodes.map((node) => `127.0.0.1:${node.port}`).join(",");
  return { url: `redis+cluster://:${password}@${hosts}`, masters, close };
}

async function join(masters: Redis[], nodes: EmbeddedRedis[]): Promise<void> {
  const share = Math.ceil(slots / masters.length);
  for (const [index, master] of masters.entries()) {
    await master.call("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
    const last = Math.min((index + 1) * share, slots) - 1;
    await master.call("CLUSTER", "ADDSLOTSRANGE", String(index * share), String(last));
    if (index > 0) await master.call("CLUSTER", "MEET", "127.0.0.1", String(nodes[0]!.port));
  }
  await waitFor("every master knows every slot", async () => {
    const states = await Promise.all(masters.map(async (master) => (await master.call("CLUSTER", "INFO")) as string));
    const known = (info: string) =>
      info.includes("cluster_state:ok") &&
      info.includes(`cluster_slots_ok:${slots}`) &&
      info.includes(`cluster_known_nodes:${masters.length}`);
    return states.every(known);
  });
}
