import { describe, expect, test } from "vitest";
import { AuditChain } from "../../core/audit/audit-chain.ts";
import type { AuditRecord } from "../../core/audit/audit-record.ts";
import type { StreamEntry } from "../../core/events/event.ts";
import { outboxKeys } from "../../core/redis/keys.ts";
import { spawnConsumer } from "../outbox/spawn-consumer.ts";
import { appendEvents, countPending, startReader } from "../outbox/start-reader.ts";
import { liveADay } from "../support/live-a-day.ts";
import type { Core } from "../support/open-core.ts";
import { readTrail, waitForTrail } from "../support/read-trail.ts";
import { useCore } from "../support/use-core.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useCore();

async function readAll(core: Core): Promise<AuditRecord[]> {
  const { records, faults } = await readTrail(core);
  expect(faults).toEqual([]);
  return records;
}

async function readOutbox(core: Core, partition: number): Promise<StreamEntry[]> {
  return (await core.redis.xrange(outboxKeys(core.keyspace, partition).outbox, "-", "+")) as StreamEntry[];
}

async function recorded(core: Core): Promise<AuditRecord[]> {
  await waitForTrail(core);
  return await readAll(core);
}

const correlationIds = (records: AuditRecord[]) =>
  records.map(({ event }) => JSON.parse(event).correlationId as string);

describe("the audit trail", () => {
  test("[A9] records every event once, in the order of its partition, each with the hash of the one before", async () => {
    const core = fixture.open();
    await liveADay(core);
    const records = await readAll(core);
    for (let partition = 0; partition < core.keyspace.partitions; partition += 1) {
      const own = records.filter((record) => record.partition === partition);
      expect(own.map(({ eventId }) => eventId)).toEqual(
        (await readOutbox(core, partition)).map(([id]) => `${id}-${partition}`),
      );
      expect(own.map(({ sequence }) => sequence)).toEqual(own.map((_, index) => index + 1));
      expect(own.map(({ previous }) => previous)).toEqual(["", ...own.map(({ hash }) => hash)].slice(0, own.length));
    }
    expect(records.length).toBeGreaterThan(20);
  });

  test("[A11] a batch that is given out again, or in part, or out of its order, adds what is new and nothing twice", async () => {
    const core = fixture.open({ partitions: 1 });
    await appendEvents(core, 20);
    const entries = await readOutbox(core, 0);
    const chains = [new AuditChain(core), new AuditChain(core)] as const;
    await chains[0].record({ partition: 0, entries: entries.slice(0, 5), again: false });
    await chains[0].record({ partition: 0, entries: entries.slice(0, 5), again: true });
    await chains[1].record({ partition: 0, entries: entries.slice(3, 8), again: false });
    // With holes: a claim gives out what its owner left, and not what lies between.
    await chains[1].record({ partition: 0, entries: [entries[8]!, entries[11]!], again: true });
    await chains[1].record({ partition: 0, entries: entries.slice(15, 18), again: false });
    await chains[1].record({ partition: 0, entries: entries.slice(9, 10), again: true });
    await chains[0].record({ partition: 0, entries: [], again: false });
    const records = await readAll(core);
    expect(records.map(({ eventId }) => eventId)).toEqual(entries.slice(0, 18).map(([id]) => `${id}-0`));
  });

  test("[A11] several workers that record the same events at once make one chain", async () => {
    const core = fixture.open({ partitions: 2 });
    await appendEvents(core, 600);
    const batches = await Promise.all(
      [0, 1].map(async (partition) => ({ partition, entries: await readOutbox(core, partition), again: false })),
    );
    const chains = Array.from({ length: 5 }, () => new AuditChain(core));
    await Promise.all(chains.flatMap((chain) => batches.map((batch) => chain.record(batch))));
    expect(await readAll(core)).toHaveLength(600);
  });

  test("[A11] a worker that is killed with some of its events recorded leaves nothing out and nothing twice", async () => {
    const core = fixture.open();
    const tenants = [
      { id: "acme", name: "Acme", apiKeys: [{ id: "k", key: "cs_test_key", scopes: ["admin" as const] }] },
    ];
    const consumer = spawnConsumer(fixture, core, { group: "audit", tenants });
    const early = await appendEvents(core, 300, "early");
    await waitFor("it holds events", () => consumer.handled > 0, { withinMs: 15_000 });
    await consumer.kill();
    expect(await countPending(core, "audit")).toBeGreaterThan(0);

    const late = await appendEvents(core, 300, "late");
    const chain = new AuditChain(core);
    const reader = startReader(core, {
      group: "audit",
      watchGaps: false,
      staleAfterMs: 50,
      claimEveryMs: 50,
      handlerAcknowledges: true,
      handle: (batch) => chain.record(batch),
    });
    fixture.closeAfter(reader.close);
    const records = await recorded(core);
    expect(correlationIds(records).toSorted()).toEqual([...early, ...late].toSorted());
    await waitFor("what it held is acknowledged", async () => (await countPending(core, "audit")) === 0);
    expect(reader.faults).toEqual([]);
  });

  test("[A11] two workers share it, and one that is a batch behind loses nothing", async () => {
    const core = fixture.open({ partitions: 4 });
    const handled = [0, 0];
    for (const index of [0, 1]) {
      const chain = new AuditChain(core);
      const reader = startReader(core, {
        group: "audit",
        watchGaps: false,
        batchSize: 20,
        handlerAcknowledges: true,
        handle: async (batch) => {
          await chain.record(batch);
          handled[index]! += batch.entries.length;
        },
      });
      fixture.closeAfter(reader.close);
    }
    let appended = 0;
    await waitFor("each of them was given some", async () => {
      appended += (await appendEvents(core, 100)).length;
      return Math.min(...handled) > 0;
    });
    expect(await recorded(core)).toHaveLength(appended);
    await waitFor("all of it is acknowledged", async () => (await countPending(core, "audit")) === 0);
  });

  test("[A27] an event that a failover took back is not recorded, and what it took back of the trail is recorded again", async () => {
    const core = fixture.open({ partitions: 1 });
    const { outbox, audit, auditHead } = outboxKeys(core.keyspace, 0);
    await appendEvents(core, 3, "kept");
    const chain = new AuditChain(core);
    const before = await readOutbox(core, 0);
    await chain.record({ partition: 0, entries: before.slice(0, 1), again: false });
    const replica = await core.redis.dumpBuffer(audit);
    const replicaHead = await core.redis.dumpBuffer(auditHead);
    await appendEvents(core, 1, "lost");
    const read = await readOutbox(core, 0);
    await chain.record({ partition: 0, entries: read.slice(1), again: false });
    expect(await readAll(core)).toHaveLength(4);

    // The replica that takes over had neither the last event nor the last records.
    await core.redis.xdel(outbox, read[3]![0]);
    await core.redis.restore(audit, 0, replica, "REPLACE");
    await core.redis.restore(auditHead, 0, replicaHead, "REPLACE");
    await chain.record({ partition: 0, entries: read.slice(1, 2), again: true });
    expect(await readAll(core)).toHaveLength(2);
    await new AuditChain(core).record({ partition: 0, entries: read.slice(2), again: false });
    expect(await readAll(core)).toHaveLength(3);
    await appendEvents(core, 1, "later");
    await chain.record({ partition: 0, entries: (await readOutbox(core, 0)).slice(3), again: false });
    const expected = ["corr-kept-0", "corr-kept-1", "corr-kept-2", "corr-later-0"];
    expect(correlationIds(await readAll(core))).toEqual(expected);
  });

  test("[A7] events that were trimmed before they were recorded are named by an audit_gap in the trail itself", async () => {
    const core = fixture.open({ partitions: 1, outboxLimit: 1000 });
    await appendEvents(core, 10, "before");
    const gaps: unknown[] = [];
    const chain = new AuditChain({ ...core, onGap: (gap) => gaps.push(gap) });
    await chain.record({ partition: 0, entries: await readOutbox(core, 0), again: false });
    await appendEvents(core, 2500, "during");
    const entries = await readOutbox(core, 0);
    const missing = 2510 - entries.length - 10;
    await chain.record({ partition: 0, entries, again: false });
    await chain.record({ partition: 0, entries: await readOutbox(core, 0), again: true });
    expect(gaps).toEqual([{ partition: 0, missing }]);
    const records = await readAll(core);
    const last = JSON.parse(records.at(-1)!.event);
    expect(last).toMatchObject({ type: "audit_gap", tenant: "*", consumer: "audit", partition: 0, missing });
    expect(records[9]!.eventId).toBe(`${last.after}-0`);
    expect(records[10]!.eventId).toBe(`${last.before}-0`);
  });

  test("[A9] an entry that is no event is recorded as it is, and stops nothing", async () => {
    const core = fixture.open({ partitions: 1 });
    const { outbox } = outboxKeys(core.keyspace, 0);
    for (const attacker of [
      ["type", "degraded"],
      ["time", "1e99", "type", "x"],
      ["type", "x", "time", "1", "tenant", "acme", "correlationId", "c", "data", "{"],
      ["type", "x", "time", "1", "tenant", "acme", "correlationId", "c", "data", '"\ud800"'],
      ["", ""],
    ]) {
      await core.redis.xadd(outbox, "*", ...attacker);
    }
    await appendEvents(core, 1);
    const chain = new AuditChain(core);
    await chain.record({ partition: 0, entries: await readOutbox(core, 0), again: false });
    const records = await readAll(core);
    expect(records).toHaveLength(6);
    expect(JSON.parse(records[0]!.event)).toMatchObject({ unreadable: ["type", "degraded"] });
  });

  test("[A14] holds no code, token, nonce or number of anybody", async () => {
    const core = fixture.open();
    await liveADay(core);
    const text = JSON.stringify(await readAll(core));
    expect(text).toContain("device_enrolled");
    expect(text).toContain("late_confirmation");
    expect(text).not.toMatch(/nonce|4155550000|\bdid\b"|"(?:jti|token|proof|signature|secret)"/);
  });
});
