import { afterEach, describe, expect, test } from "vitest";
import { sessionKeys } from "../../core/redis/keys.ts";
import { ReplicationBarrier } from "../../core/redis/replication-barrier.ts";
import { type Core, openCore } from "../support/open-core.ts";
import { holdReplicas, type RedisNode } from "../support/spawn-redis.ts";
import { startRedisCluster } from "../support/start-redis-cluster.ts";
import { startRedisSentinel } from "../support/start-redis-sentinel.ts";
import { claim, claimedSession, deviceB, proofFor } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";

interface Topology {
  url: string;
  nodes: readonly RedisNode[];
  primary(key: string): Promise<RedisNode>;
  killPrimary(key: string): Promise<RedisNode>;
  /** Another primary serves the key, and has a replica that acknowledges. */
  recovered(key: string, old: RedisNode): Promise<RedisNode>;
  close(): Promise<void>;
}

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startSentinel(): Promise<Topology> {
  const redis = await startRedisSentinel();
  const recovered = async (_key: string, old: RedisNode) => {
    await redis.primaryAfter(old);
    await redis.inSync(1);
    return await redis.primary();
  };
  return { ...redis, recovered };
}

async function startCluster(): Promise<Topology> {
  const redis = await startRedisCluster({ replicas: 1, nodeTimeoutMs: 1000 });
  const recovered = async (key: string) => {
    await redis.healed();
    await redis.revive();
    await redis.inSync();
    return await redis.primary(key);
  };
  return { ...redis, recovered };
}

async function openDeployment(topology: Topology) {
  closers.push(() => topology.close());
  const core = openCore(topology.url);
  closers.push(() => core.close());
  const barrier = new ReplicationBarrier(core.connections.open("durability"), {
    keyspace: core.keyspace,
    replicas: 1,
    cluster: core.connections.sharded,
  });
  const claimed = await claimedSession(core);
  const keys = sessionKeys(core.keyspace, claimed.session.sessionId);
  await waitFor("the replicas have the session", async () => {
    return (await (await topology.primary(keys.session)).admin.wait(1, 100)) >= 1;
  });
  return { core, barrier, claimed, key: keys.session };
}

/** Decides, and fails over before any replica heard of it. */
async function loseDecision(topology: Topology, core: Core, deployment: Awaited<ReturnType<typeof openDeployment>>) {
  const { key, claimed } = deployment;
  const release = await holdReplicas(await topology.primary(key), topology.nodes);
  const lost = await core.sessions.decide(claimed.proof);
  const old = await topology.killPrimary(key);
  release();
  const next = await topology.recovered(key, old);
  return { lost, next };
}

describe.each([
  ["sentinels", startSentinel],
  ["a cluster", startCluster],
])("under %s, when the primary dies between a decision and its WAIT", (_name, start) => {
  test("[C69] the next primary's WAIT acknowledges nothing that it lacks, and the same proof decides anew", async () => {
    const topology = await start();
    const deployment = await openDeployment(topology);
    const { core, barrier, claimed, key } = deployment;
    const { lost, next } = await loseDecision(topology, core, deployment);
    expect(lost.outcome).toBe("confirmed");

    // What the next primary would say to WAIT alone.
    expect(await next.admin.hget(key, "status")).toBe("pending");
    await next.admin.set(`${key}:marker`, "1", "EX", 60);
    expect(await next.admin.wait(1, 500)).toBeGreaterThanOrEqual(1);

    await expect(untilAnswered(() => barrier.pass(lost.session!))).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("lost in a failover"),
    });
    const again = await untilAnswered(() => core.sessions.decide(claimed.proof));
    expect(again.outcome).toBe("confirmed");
    await barrier.pass(again.session!);
    const repeated = await core.sessions.decide(claimed.proof);
    expect(repeated.outcome).toBe("repeated");
    await barrier.pass(repeated.session!);
  }, 60_000);

  test("[C69] nor does another device's decision of the same session", async () => {
    const topology = await start();
    const deployment = await openDeployment(topology);
    const { core, barrier, claimed, key } = deployment;
    const { lost } = await loseDecision(topology, core, deployment);

    const { nonce } = await untilAnswered(() => claim(core, claimed.session, { device: deviceB }));
    const other = await core.sessions.decide(proofFor(claimed.session, nonce, deviceB));
    expect(other.outcome).toBe("confirmed");
    await expect(untilAnswered(() => barrier.pass(lost.session!))).rejects.toThrow("lost in a failover");
    await barrier.pass(other.session!);
    expect(await core.redis.hget(key, "deviceId")).toBe(deviceB.deviceId);
  }, 60_000);
});

/** A connection finds the next primary a moment later than the test does. */
async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  const outcome = await waitFor("Redis answers", async () => {
    try {
      return { value: await ask() };
    } catch (error) {
      const { message } = error as Error;
      return message.includes("lost in a failover") ? { error } : undefined;
    }
  });
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}
