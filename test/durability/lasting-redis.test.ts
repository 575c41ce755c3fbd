import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEmbeddedRedis } from "../../core/redis/embedded-redis.ts";
import { parseRedisUrl } from "../../core/redis/parse-redis-url.ts";
import { openCore } from "../support/open-core.ts";
import { startRedisProxy } from "../support/start-redis-proxy.ts";
import { type RedisSentinel, startRedisSentinel } from "../support/start-redis-sentinel.ts";
import { useCore } from "../support/use-core.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useCore();
let sentinel: RedisSentinel;

beforeAll(async () => {
  sentinel = await startRedisSentinel({ replicas: 1 });
});
afterAll(() => sentinel.close());

/** Unlike `once` of node:events it bears the errors that come before. */
const happens = (redis: Redis, event: string) => new Promise<void>((resolve) => void redis.once(event, resolve));
const ready = (redis: Redis) => waitFor("it is connected", () => redis.status === "ready");

/** Tells a client to reconnect while it asks the sentinels, as a failover notice or BullMQ's watchdog may at any time. */
async function strikeWhileItAsks(redis: Redis): Promise<void> {
  await ready(redis);
  const asks = happens(redis, "connecting");
  redis.stream.destroy();
  await asks;
  redis.disconnect(true);
}

describe("a connection that is told to reconnect while it asks the sentinels", () => {
  test("[C63] comes back, and so does its duplicate; one of ioredis itself has ended for ever", async () => {
    const topology = parseRedisUrl(sentinel.url);
    if (topology.kind !== "sentinel") throw new Error("no sentinels");
    const { hosts: sentinels, name, password } = topology;
    const plain = new Redis({ sentinels, name, password, replyMapping: "legacy" });
    plain.on("error", () => undefined);
    fixture.closeAfter(() => plain.disconnect());
    const core = openCore(sentinel.url);
    fixture.closeAfter(() => core.close());
    const ours = core.connections.open("worker") as Redis;
    const duplicate = ours.duplicate();
    duplicate.on("error", () => undefined);
    fixture.closeAfter(() => duplicate.disconnect());

    const ended = Promise.all([plain, ours, duplicate].map((redis) => happens(redis, "end")));
    for (const redis of [plain, ours, duplicate]) await strikeWhileItAsks(redis);
    await ended;
    for (const redis of [ours, duplicate]) {
      await ready(redis);
      expect(await redis.ping()).toBe("PONG");
    }
    expect(plain.status).toBe("end");
  });

  test("[C63] stays closed once it was closed", async () => {
    const core = openCore(sentinel.url);
    const redis = core.connections.open("worker") as Redis;
    await strikeWhileItAsks(redis);
    const ended = happens(redis, "end");
    await core.close();
    await ended;
    const primary = await sentinel.primary();
    await waitFor("nothing of ours is connected", async () => {
      const list = (await primary.admin.client("LIST")) as string;
      return !list.includes("name=callseal:");
    });
    expect(redis.status).toBe("end");
  });
});

describe("a connection that is closed", () => {
  test("[C64] while it waits to reconnect ends at once, and every command that waits is rejected", async () => {
    const redis = await startEmbeddedRedis();
    const core = openCore(redis.url);
    const worker = core.connections.open("worker") as Redis;
    const { status } = core.openStatus();
    await ready(worker);
    const waits = happens(worker, "reconnecting");
    await redis.close();
    await waits;
    const popped = worker.bzpopmin("nothing", 0);
    const listening = status.listen(`csn_${"x".repeat(22)}_1`, () => undefined);
    const ended = happens(worker, "end");
    await core.close();
    await expect(popped).rejects.toThrow("Connection is closed.");
    await expect(listening).rejects.toThrow("closed");
    await ended;
  });
});

describe("a Redis that is no primary any more", () => {
  test("[C65] refuses with READONLY once, and is left for the primary of the moment", async () => {
    const core = fixture.open();
    const before = await core.redis.client("ID");
    await fixture.admin.replicaof("127.0.0.1", 1);
    await expect(core.redis.set("key", "value")).rejects.toThrow(/^READONLY/);
    await fixture.admin.replicaof("NO", "ONE");
    expect(await core.redis.set("key", "value")).toBe("OK");
    expect(await core.redis.client("ID")).not.toBe(before);
  });
});

describe("a peer that has frozen", () => {
  test("[C66] is passed over when it is a sentinel, on the same machine as the primary", async () => {
    const core = openCore(sentinel.url);
    fixture.closeAfter(() => core.close());
    await ready(core.redis as Redis);
    const old = await sentinel.primary();
    // The one that is asked next: a client goes on from the sentinel that answered it last.
    const [, asked] = sentinel.sentinels;
    asked!.freeze();
    old.freeze();
    const write = () => core.redis.set("key", "value", "EX", 60).catch(() => undefined);
    await waitFor("the next primary is found", write, { withinMs: 15_000 });
    asked!.thaw();
    await sentinel.revive();
    await sentinel.inSync();
  }, 60_000);

  test("[C66] is left by every role within seconds, though nothing is asked of it", async () => {
    const proxy = await startRedisProxy(fixture.url);
    fixture.closeAfter(() => proxy.close());
    const core = fixture.open({ url: proxy.url });
    const roles = ["subscriber", "adapter", "queue", "worker", "durability", "outbox"] as const;
    const clients = roles.map((role) => core.connections.open(role) as Redis);
    const blocking = (clients[3] as Redis).duplicate();
    fixture.closeAfter(() => blocking.disconnect());
    const all = [...clients, core.redis as Redis, blocking];
    for (const redis of all) await ready(redis);
    const popped = blocking.bzpopmin("nothing", 20);
    const left = Promise.all(all.map((redis) => happens(redis, "close")));
    const at = performance.now();
    proxy.freeze();
    await left;
    expect(performance.now() - at).toBeLessThan(5500);
    await proxy.restore();
    for (const redis of all) await ready(redis);
    await core.redis.zadd("nothing", 1, "something");
    expect(await popped).toEqual(["nothing", "something", "1"]);
  });
});
