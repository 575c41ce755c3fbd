import type { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { openCore } from "../support/open-core.ts";
import { startRedisCluster } from "../support/start-redis-cluster.ts";
import { useCore } from "../support/use-core.ts";

const fixture = useCore();

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("the commands of one turn of the event loop", () => {
  test("[C72] leave together at its end, each with its own answer or fault", async () => {
    const redis = fixture.open().redis as Redis;
    await redis.ping();
    await nextTurn();
    expect(redis.stream.writableCorked).toBe(0);

    const before = redis.stream.bytesWritten;
    const answers = [redis.set("a", "1"), redis.get("a"), redis.hget("a", "field"), redis.multi().incr("a").exec()];
    const settled = Promise.allSettled(answers);
    expect(redis.stream.writableCorked).toBe(1);
    expect(redis.stream.writableLength).toBe(redis.stream.bytesWritten - before);
    await nextTurn();
    expect(redis.stream.writableCorked).toBe(0);
    const [set, get, wrongType, counted] = await settled;
    expect(set).toMatchObject({ value: "OK" });
    expect(get).toMatchObject({ value: "1" });
    expect(wrongType).toMatchObject({ status: "rejected", reason: { message: expect.stringMatching(/^WRONGTYPE/) } });
    expect(counted).toMatchObject({ value: [[null, 2]] });
  });

  test("[C72] are answered or refused, and never forgotten, when the connection breaks in that turn", async () => {
    const redis = fixture.open().redis as Redis;
    await redis.ping();
    const asked = Promise.allSettled(Array.from({ length: 5 }, () => redis.incr("counter")));
    redis.stream.destroy();
    const results = await asked;
    expect(results).toHaveLength(5);
    // Those that follow go over the new connection, which gathers as well.
    const after = redis.incr("counter");
    expect(await after).toBeGreaterThan(0);
    await nextTurn();
    expect(redis.stream.writableCorked).toBe(0);
  });

  test("[C72] leave so for every node of a cluster", async () => {
    const cluster = await startRedisCluster();
    const core = openCore(cluster.url);
    try {
      const keys = Array.from({ length: 60 }, (_, index) => `key:${index}`);
      await Promise.all(keys.map((key) => core.redis.set(key, key)));
      const reading = Promise.all(keys.map((key) => core.redis.get(key)));
      const nodes = (core.redis as unknown as { nodes(role: string): Redis[] }).nodes("master");
      expect(nodes).toHaveLength(3);
      expect(nodes.map(({ stream }) => stream.writableCorked)).toEqual([1, 1, 1]);
      expect(await reading).toEqual(keys);
    } finally {
      await core.close();
      await cluster.close();
    }
  });
});
