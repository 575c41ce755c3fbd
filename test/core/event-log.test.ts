import { describe, expect, test } from "vitest";
import type { CallsealEvent, EventType } from "../../core/events/event.ts";
import { parseEventId } from "../../core/events/event-position.ts";
import { partitionBase } from "../../core/redis/keys.ts";
import type { Core } from "../support/open-core.ts";
import { useCore } from "../support/use-core.ts";
import { claimedSession, newSession } from "../support/verified-call.ts";

const fixture = useCore();

/** Follows a tenant's events page by page until `done` says that it has seen enough. */
async function follow(
  core: Core,
  options: { tenant: string; limit: number; done: (events: CallsealEvent[]) => boolean },
) {
  const seen: CallsealEvent[] = [];
  let after: string | undefined;
  while (!options.done(seen)) {
    const page = await core.events.list({ tenant: options.tenant, after, limit: options.limit });
    expect(page.events.length).toBeLessThanOrEqual(options.limit);
    if (page.events.length > 0) expect(page.next).toBe(page.events.at(-1)!.id);
    seen.push(...page.events);
    after = page.next;
  }
  return { seen };
}

function position(event: CallsealEvent): [number, number, number] {
  const { ms, sequence, partition } = parseEventId(event.id)!;
  return [ms, sequence, partition];
}

function isAscending(events: CallsealEvent[]): boolean {
  return events.every((event, index) => {
    if (index === 0) return true;
    const [before, here] = [position(events[index - 1]!), position(event)];
    const differs = here.findIndex((part, at) => part !== before[at]);
    return differs !== -1 && here[differs]! > before[differs]!;
  });
}

function append(core: Core, number: number, overrides: { tenant?: string; type?: EventType } = {}) {
  return core.events.append({
    type: overrides.type ?? "degraded",
    tenant: overrides.tenant ?? "acme",
    correlationId: `corr-${number}`,
    data: { number },
  });
}

const numbersOf = (events: CallsealEvent[]) => events.map((event) => event["number"] as number);

describe("reading events", () => {
  test("[C20] events come oldest first, with the envelope of their session and their particulars", async () => {
    const core = fixture.open();
    const { session, proof } = await claimedSession(core, {
      correlationId: "corr-created",
      event: { locale: "en-US" },
    });
    await core.sessions.decide({ ...proof, correlationId: "corr-confirm", event: { method: "did" } });
    const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 100 });
    expect(events.map((event) => event.type)).toEqual(["session_created", "did_issued", "confirmed"]);
    const { sessionId, callId, provider } = session;
    const envelope = { tenant: "acme", sessionId, callId, provider };
    expect(events[0]).toMatchObject({ ...envelope, correlationId: "corr-created", locale: "en-US" });
    expect(events[2]).toMatchObject({ ...envelope, correlationId: "corr-confirm", method: "did" });
    expect(new Date(events[2]!.time).toISOString()).toBe(events[2]!.time);
    expect(JSON.stringify(events)).not.toContain(session.did);
  });

  test("[C20] what an event says of itself cannot replace its envelope", async () => {
    const core = fixture.open();
    const attacker = { id: "0-0-0", type: "confirmed", tenant: "globex", time: "1970", correlationId: "forged" };
    await core.events.append({ type: "degraded", tenant: "acme", correlationId: "corr-0001", data: attacker });
    const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 10 });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ type: "degraded", tenant: "acme", correlationId: "corr-0001" });
    expect(events[0]!.id).not.toBe("0-0-0");
  });

  test.each([1, 2, 7, 100, 1000])("[C20] pages of %i show every event once, in order", async (limit) => {
    const core = fixture.open();
    for (let number = 0; number < 150; number += 1) await append(core, number);
    const { seen } = await follow(core, { tenant: "acme", limit, done: (events) => events.length >= 150 });
    expect(numbersOf(seen).sort((a, b) => a - b)).toEqual(Array.from({ length: 150 }, (_, index) => index));
    expect(isAscending(seen)).toBe(true);
    const last = seen.at(-1)!.id;
    expect(await core.events.list({ tenant: "acme", after: last, limit })).toEqual({ events: [], next: last });
  });

  test("[C20] events of one millisecond in several partitions are all shown, whatever the page", async () => {
    const core = fixture.open({ partitions: 8 });
    for (let partition = 0; partition < 8; partition += 1) {
      for (let sequence = 0; sequence < 5; sequence += 1) {
        const key = `${partitionBase(core.keyspace, partition)}:outbox`;
        const fields = ["type", "degraded", "time", "1000", "tenant", "acme", "correlationId", "corr", "data", "{}"];
        await core.redis.xadd(key, `1000-${sequence}`, ...fields);
      }
    }
    for (const limit of [1, 3, 39, 40, 41]) {
      const { seen } = await follow(core, { tenant: "acme", limit, done: (events) => events.length >= 40 });
      expect(new Set(seen.map((event) => event.id)).size).toBe(40);
      expect(isAscending(seen)).toBe(true);
    }
  });

  test("[C20] an event's id begins with its time, in whichever millisecond its entry is written", async () => {
    const core = fixture.open({ partitions: 4 });
    for (let batch = 0; batch < 20; batch += 1)
      await Promise.all(Array.from({ length: 200 }, (_, index) => append(core, batch * 200 + index)));
    const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 4000 });
    expect(events).toHaveLength(4000);
    const others = events.filter((event) => position(event)[0] !== Date.parse(event.time));
    expect(others).toEqual([]);
  });

  test("[C20] an event after a clock that was set back is kept, behind those before it, with its own time", async () => {
    const core = fixture.open({ partitions: 1 });
    const key = `${partitionBase(core.keyspace, 0)}:outbox`;
    const inAnHour = Date.now() + 3_600_000;
    const ahead = ["type", "degraded", "time", String(inAnHour), "tenant", "acme", "correlationId", "corr"];
    await core.redis.xadd(key, `${inAnHour}-0`, ...ahead, "data", "{}");
    await append(core, 1);
    await append(core, 2);
    const entries = await core.redis.xrange(key, "-", "+");
    expect(entries.map(([id]) => id)).toEqual([`${inAnHour}-0`, `${inAnHour}-1`, `${inAnHour}-2`]);
    const times = entries.slice(1).map(([, fields]) => Number(fields[fields.indexOf("time") + 1]));
    expect(Math.max(...times)).toBeLessThan(inAnHour - 3_000_000);
  });

  test("[C20] a tenant with few events among many of another gets its own and only those", async () => {
    const core = fixture.open({ partitions: 2 });
    const others = Array.from({ length: 3000 }, (_, number) => number);
    for (let first = 0; first < others.length; first += 500) {
      await append(core, first, { tenant: "acme" });
      await Promise.all(others.slice(first, first + 500).map((number) => append(core, number, { tenant: "globex" })));
    }
    const { seen } = await follow(core, { tenant: "acme", limit: 2, done: (events) => events.length >= 6 });
    expect(numbersOf(seen)).toEqual([0, 500, 1000, 1500, 2000, 2500]);
    const paged = await follow(core, { tenant: "globex", limit: 40, done: (events) => events.length >= 3000 });
    expect(new Set(numbersOf(paged.seen)).size).toBe(3000);
    expect(isAscending(paged.seen)).toBe(true);
    const all = await follow(core, { tenant: "globex", limit: 700, done: (events) => events.length >= 3000 });
    expect(new Set(numbersOf(all.seen)).size).toBe(3000);
    expect(await core.events.list({ tenant: "nobody", after: undefined, limit: 10 })).toEqual({
      events: [],
      next: undefined,
    });
  });

  test("[C21] a reader that pages while writers run over all partitions sees every event exactly once", async () => {
    const reading = fixture.open();
    const { prefix } = reading.keyspace;
    const writers = Array.from({ length: 3 }, () => fixture.open({ prefix }));
    const total = 3000;
    let written = 0;
    const writing = Promise.all(
      writers.map(async (writer) => {
        while (written < total) {
          // Bursts, so that one millisecond has events in many partitions.
          const burst = Array.from({ length: Math.min(20, total - written) }, (_, index) => written + index);
          written += burst.length;
          await Promise.all(burst.map((number) => append(writer, number)));
        }
      }),
    );
    let pagesWhileWriting = 0;
    const done = (all: CallsealEvent[]) => {
      if (all.length > 0 && written < total) pagesWhileWriting += 1;
      return all.length >= total;
    };
    const { seen } = await follow(reading, { tenant: "acme", limit: 50, done });
    await writing;
    expect(pagesWhileWriting).toBeGreaterThan(0);
    expect(new Set(numbersOf(seen)).size).toBe(total);
    expect(seen).toHaveLength(total);
    expect(isAscending(seen)).toBe(true);
    const rest = await reading.events.list({ tenant: "acme", after: seen.at(-1)!.id, limit: 50 });
    expect(rest.events).toEqual([]);
  });

  test("[C21] a scan of a window sees each of the tenant's events once, each partition's in order", async () => {
    const core = fixture.open({ partitions: 3 });
    const key = `${partitionBase(core.keyspace, 0)}:outbox`;
    const old = ["type", "degraded", "time", "1000", "tenant", "acme", "correlationId", "corr", "data", "{}"];
    await core.redis.xadd(key, "1000-0", ...old);
    for (let first = 0; first < 2400; first += 400)
      await Promise.all(Array.from({ length: 400 }, (_, index) => append(core, first + index)));
    await append(core, -1, { tenant: "globex" });
    const seen: CallsealEvent[] = [];
    await core.events.scan({ tenant: "acme", windowSeconds: 600, see: (event) => seen.push(event) });
    expect(seen).toHaveLength(2400);
    expect(new Set(numbersOf(seen)).size).toBe(2400);
    for (const partition of [0, 1, 2])
      expect(isAscending(seen.filter((event) => event.id.endsWith(`-${partition}`)))).toBe(true);
  });

  test("[C20] a page of many partitions reads little more than it answers", async () => {
    const core = fixture.open({ partitions: 16 });
    for (let batch = 0; batch < 16; batch += 1)
      await Promise.all(Array.from({ length: 100 }, (_, index) => append(core, batch * 100 + index)));
    let entries = 0;
    const xrange = core.redis.xrange.bind(core.redis) as (...args: unknown[]) => Promise<unknown[]>;
    core.redis.xrange = (async (...args: unknown[]) => {
      const reply = await xrange(...args);
      entries += reply.length;
      return reply;
    }) as typeof core.redis.xrange;
    const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 400 });
    expect(events).toHaveLength(400);
    expect(isAscending(events)).toBe(true);
    expect(entries).toBeLessThan(3 * 400);
  });

  const attacker = [
    "",
    "0",
    "1-1",
    "1-1-",
    "-1-1-1",
    "1-1-1-1",
    "1-1-1 ",
    " 1-1-1",
    "1-1-1\n",
    "+",
    "-",
    "$",
    "(1-1-1",
    "1-1-x",
    "0x1-1-1",
    "1e3-1-1",
    "9999999999999999-0-0",
    "1-1-99999",
    "١-١-١",
    "*",
    "__proto__",
  ];

  test.each(attacker)("[C20] the cursor %j is refused", async (after) => {
    const core = fixture.open();
    await expect(core.events.list({ tenant: "acme", after, limit: 10 })).rejects.toThrow(RangeError);
  });

  test("[C20] a cursor of no event, or from the far future, is only a position", async () => {
    const core = fixture.open();
    await append(core, 1);
    expect((await core.events.list({ tenant: "acme", after: "0-0-0", limit: 10 })).events).toHaveLength(1);
    const future = "999999999999999-999999999999999-9999";
    expect(await core.events.list({ tenant: "acme", after: future, limit: 10 })).toEqual({ events: [], next: future });
  });

  test("[C20] a partition's outbox is bounded", async () => {
    const core = fixture.open({ partitions: 1, outboxLimit: 1000 });
    for (let batch = 0; batch < 13; batch += 1)
      await Promise.all(Array.from({ length: 100 }, (_, index) => append(core, batch * 100 + index)));
    const length = await core.redis.xlen(`${partitionBase(core.keyspace, 0)}:outbox`);
    expect(length).toBeGreaterThanOrEqual(1000);
    expect(length).toBeLessThan(1200);
  });

  test("[C2] a transition that writes nothing tells nothing: one event for each and no more", async () => {
    const core = fixture.open();
    const { session } = await core.sessions.create(newSession());
    for (let time = 0; time < 3; time += 1) {
      await core.sessions.create(newSession({ callId: session.callId }));
      await core.sessions.endCall(session.sessionId, { tenant: "acme", correlationId: "corr", event: {} });
      await core.sessions.cancel(session.sessionId, "acme", "corr");
      await core.sessions.expire(session.sessionId);
    }
    const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 100 });
    expect(events.map((event) => event.type)).toEqual(["session_created", "did_issued", "call_ended", "canceled"]);
  });
});
