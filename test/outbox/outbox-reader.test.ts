import { describe, expect, test } from "vitest";
import type { OutboxBatch } from "../../core/outbox/outbox-batch.ts";
import { outboxKeys } from "../../core/redis/keys.ts";
import type { Core } from "../support/open-core.ts";
import { startRedisProxy } from "../support/start-redis-proxy.ts";
import { useCore } from "../support/use-core.ts";
import { waitFor } from "../support/wait-for.ts";
import { appendEvents, correlationOf, countPending, startReader } from "./start-reader.ts";

const fixture = useCore();

/** A handler that notes what it is given, and from whom. */
function noting() {
  const seen: string[] = [];
  const batches: OutboxBatch[] = [];
  const handle = async (batch: OutboxBatch) => {
    batches.push(batch);
    seen.push(...batch.entries.map(correlationOf));
  };
  return { seen, batches, handle };
}

async function acknowledged(core: Core, group = "webhooks") {
  await waitFor("everything is acknowledged", async () => (await countPending(core, group)) === 0);
}

describe("a group of consumers", () => {
  test("[A1] is given every event of every partition once, those from before it existed too", async () => {
    const core = fixture.open();
    const before = await appendEvents(core, 100, "early");
    const { seen, handle } = noting();
    const reader = startReader(core, { handle });
    fixture.closeAfter(reader.close);
    await waitFor("the early events are there", () => seen.length === 100);
    const after = await appendEvents(core, 100, "late");
    await waitFor("the late events are there", () => seen.length === 200);
    expect(seen.toSorted()).toEqual([...before, ...after].toSorted());
    await acknowledged(core);
    expect(reader.faults).toEqual([]);
  });

  test("[A1] a waiting reader hears of an event long before it would look by itself", async () => {
    const core = fixture.open();
    const { seen, handle } = noting();
    fixture.closeAfter(startReader(core, { handle }).close);
    await appendEvents(core, 1, "first");
    await waitFor("the first event is there", () => seen.length === 1);
    await waitFor("the reader waits again", async () =>
      (await fixture.clients()).some((line) => / flags=b /.test(line)),
    );
    const at = performance.now();
    await appendEvents(core, 1, "second");
    await waitFor("the second event is there", () => seen.length === 2, { everyMs: 1 });
    expect(performance.now() - at).toBeLessThan(900);
  });

  test("[A2] two readers of a group share its events, and each group is given all of them", async () => {
    const core = fixture.open();
    const [one, two, other] = [noting(), noting(), noting()];
    const slowly = (own: typeof one) => async (batch: OutboxBatch) => {
      await own.handle(batch);
      // A turn of the event loop: long enough for the other one to come for the next batch.
      await core.redis.ping();
    };
    for (const own of [one, two]) {
      fixture.closeAfter(startReader(core, { handle: slowly(own), batchSize: 5, partitionsAtOnce: 2 }).close);
    }
    fixture.closeAfter(startReader(core, { group: "audit", handle: other.handle }).close);
    const ids = await appendEvents(core, 400);
    await waitFor("all events are there", () => one.seen.length + two.seen.length === 400 && other.seen.length === 400);
    expect([...one.seen, ...two.seen].toSorted()).toEqual(ids.toSorted());
    expect(one.seen.length).toBeGreaterThan(0);
    expect(two.seen.length).toBeGreaterThan(0);
    await acknowledged(core);
  });

  test("[A3] what a handler rejects is given out again, and nothing else is", async () => {
    const core = fixture.open();
    const { seen, batches, handle } = noting();
    let refusals = 2;
    const reader = startReader(core, {
      staleAfterMs: 20,
      claimEveryMs: 20,
      handle: async (batch) => {
        if (refusals > 0) {
          refusals -= 1;
          throw new Error("not now");
        }
        await handle(batch);
      },
    });
    fixture.closeAfter(reader.close);
    const ids = await appendEvents(core, 50);
    await waitFor("all events are there", () => new Set(seen).size === 50);
    await acknowledged(core);
    expect(seen.toSorted()).toEqual(ids.toSorted());
    expect(batches.some(({ again }) => again)).toBe(true);
    expect(reader.faults.length).toBeGreaterThan(0);
  });

  test("[A4] has no more in hand than partitions at once times the batch size", async () => {
    const core = fixture.open();
    let [now, most, done] = [0, 0, 0];
    const handle = async (batch: OutboxBatch) => {
      now += batch.entries.length;
      most = Math.max(most, now);
      await core.redis.ping();
      now -= batch.entries.length;
      done += batch.entries.length;
    };
    await appendEvents(core, 500);
    fixture.closeAfter(startReader(core, { handle, batchSize: 10, partitionsAtOnce: 3 }).close);
    await waitFor("all events are handled", () => done === 500);
    expect(most).toBeLessThanOrEqual(30);
    expect(most).toBeGreaterThan(10);
  });

  test("[A5] a group that somebody destroyed is made again, and what is left is given out", async () => {
    const core = fixture.open({ partitions: 1 });
    const { seen, handle } = noting();
    const reader = startReader(core, { handle });
    fixture.closeAfter(reader.close);
    await appendEvents(core, 3, "before");
    await waitFor("the first events are there", () => seen.length === 3);
    await core.redis.xgroup("DESTROY", outboxKeys(core.keyspace, 0).outbox, "webhooks");
    await appendEvents(core, 2, "after");
    await waitFor("the last event is there", () => seen.includes("corr-after-1"));
    expect(new Set(seen).size).toBe(5);
    expect(reader.gaps).toEqual([]);
  });

  test("[A5] a reader whose connections are cut goes on by itself", async () => {
    const proxy = await startRedisProxy(fixture.url);
    fixture.closeAfter(() => proxy.close());
    const core = fixture.open();
    const through = fixture.open({ prefix: core.keyspace.prefix, url: proxy.url });
    const { seen, handle } = noting();
    fixture.closeAfter(startReader(through, { handle, staleAfterMs: 50, claimEveryMs: 50 }).close);
    await appendEvents(core, 20, "before");
    await waitFor("the first events are there", () => new Set(seen).size === 20);
    proxy.drop();
    await appendEvents(core, 20, "during");
    proxy.drop();
    await waitFor("the others are there too", () => new Set(seen).size === 40);
    expect(proxy.cuts).toBeGreaterThan(0);
    await acknowledged(core);
  });

  test("[A5] a group that a failover set back is given again what it had after that", async () => {
    const core = fixture.open({ partitions: 1 });
    const { outbox, readers } = outboxKeys(core.keyspace, 0);
    const { seen, handle } = noting();
    const reader = startReader(core, { handle });
    fixture.closeAfter(reader.close);
    await appendEvents(core, 5);
    await waitFor("the events are there", () => seen.length === 5);
    await acknowledged(core);
    const entries = (await core.redis.xrange(outbox, "-", "+")) as [string, string[]][];
    const isWaiting = (line: string) => / name=callseal:outbox /.test(line) && / flags=b /.test(line);
    const waiting = await waitFor("the reader waits", async () => (await fixture.clients()).find(isWaiting));
    // What a replica that was two events behind would know, and the connection that a failover ends.
    await core.redis.xgroup("SETID", outbox, "webhooks", entries[2]![0]);
    await core.redis.hset(readers, { "webhooks:id": entries[2]![0], "webhooks:read": "3" });
    await core.redis.client("KILL", "ID", /\bid=(\d+)/.exec(waiting)![1]!);
    await waitFor("the last two are there again", () => seen.length === 7);
    expect(seen.slice(5).toSorted()).toEqual(entries.slice(3).map(correlationOf).toSorted());
    expect(reader.gaps).toEqual([]);
  });

  test("[A6] a reader that is closed handles and acknowledges what it has in hand, and ends at once when it waits", async () => {
    const core = fixture.open();
    let [started, finished] = [0, 0];
    let release = () => undefined as undefined;
    const gate = new Promise<void>((resolve) => {
      release = () => void resolve() as undefined;
    });
    const busy = startReader(core, {
      handle: async (batch) => {
        started += batch.entries.length;
        await gate;
        finished += batch.entries.length;
      },
    });
    await appendEvents(core, 10);
    await waitFor("the events are in hand", () => started > 0);
    const closing = busy.close();
    release();
    await closing;
    expect(finished).toBe(started);
    await acknowledged(core);

    const idle = startReader(core, { group: "audit", handle: async () => undefined });
    await waitFor("the reader waits", async () => (await fixture.clients()).some((line) => / flags=b /.test(line)));
    const at = performance.now();
    await idle.close();
    await idle.close();
    expect(performance.now() - at).toBeLessThan(500);
  });
});

describe("events that were trimmed away before a group had them", () => {
  /** The smallest outbox: whole nodes of a hundred events are trimmed, so it holds 1000 to 1099. */
  const outboxLimit = 1000;

  test("[A7] are counted to the event, and recorded as one audit_gap that every tenant's consumer sees", async () => {
    const core = fixture.open({ partitions: 1, outboxLimit });
    const { seen, handle } = noting();
    const first = startReader(core, { handle, outboxLimit });
    await appendEvents(core, 10, "before");
    await waitFor("the first events are there", () => seen.length === 10);
    await first.close();
    await appendEvents(core, 3000, "during");
    const left = await core.redis.xlen(outboxKeys(core.keyspace, 0).outbox);
    expect(left).toBeLessThan(1100);

    const reader = startReader(core, { handle, outboxLimit });
    fixture.closeAfter(reader.close);
    await waitFor("what is left is there, and the gap", () => seen.length === 10 + left + 1);
    const missing = 3010 - left - 10;
    expect(reader.gaps).toEqual([{ partition: 0, missing }]);
    const { events } = await core.events.list({ tenant: "*", after: undefined, limit: 10 });
    expect(events).toMatchObject([
      { type: "audit_gap", tenant: "*", consumer: "webhooks", partition: 0, missing, after: expect.any(String) },
    ]);
    await appendEvents(core, 500, "after");
    await waitFor("the later events are there", () => seen.length === 10 + left + 1 + 500);
    expect(reader.gaps).toHaveLength(1);
  });

  test("[A7] are noticed too when somebody had been given them and did not acknowledge", async () => {
    const core = fixture.open({ partitions: 1, outboxLimit });
    const failing = startReader(core, {
      outboxLimit,
      handle: async () => {
        throw new Error("never");
      },
    });
    await appendEvents(core, 5, "pending");
    await waitFor("the events are pending", async () => (await countPending(core, "webhooks")) === 5);
    await failing.close();
    await appendEvents(core, 2000, "during");
    const { seen, handle } = noting();
    const reader = startReader(core, { handle, outboxLimit, staleAfterMs: 1, claimEveryMs: 20 });
    fixture.closeAfter(reader.close);
    await waitFor("both gaps are known", () => reader.gaps.length === 2);
    expect(reader.gaps.map(({ missing }) => missing)).toContain(5);
    expect(seen.some((id) => id.startsWith("corr-pending"))).toBe(false);
  });
});
