import { describe, expect, test } from "vitest";
import { AuditChain } from "../../core/audit/audit-chain.ts";
import { secrets } from "../notifications/open-consumers.ts";
import { openCore } from "../support/open-core.ts";
import { readTrail, waitForTrail } from "../support/read-trail.ts";
import { runCallseal } from "../support/run-callseal.ts";
import { startRedisCluster } from "../support/start-redis-cluster.ts";
import { useCore } from "../support/use-core.ts";
import { waitFor } from "../support/wait-for.ts";
import { answerWith, startTarget } from "../worker/delivery/start-target.ts";
import { useWorkers } from "../worker/worker-fixture.ts";
import { appendEvents, correlationOf, startReader } from "./start-reader.ts";

const fixture = useCore();

describe("Redis Cluster", () => {
  test("[A24] readers, audit trail and command work over partitions in different slots", async () => {
    const cluster = await startRedisCluster();
    fixture.closeAfter(() => cluster.close());
    const { url } = cluster;
    const core = openCore(url);
    fixture.closeAfter(() => core.close());
    const chain = new AuditChain(core);
    const seen: string[] = [];
    const reader = startReader(core, {
      group: "audit",
      watchGaps: false,
      handlerAcknowledges: true,
      handle: async (batch) => {
        await chain.record(batch);
        seen.push(...batch.entries.map(correlationOf));
      },
    });
    fixture.closeAfter(reader.close);
    const early = await appendEvents(core, 100, "early");
    await waitFor("the early events are recorded", () => seen.length === 100);
    const late = await appendEvents(core, 100, "late");
    await waitFor("the late events are recorded", () => seen.length === 200);
    expect(seen.toSorted()).toEqual([...early, ...late].toSorted());
    expect(reader.faults).toEqual([]);
    const environment = { REDIS_URL: url, CALLSEAL_REDIS_PREFIX: core.keyspace.prefix };
    expect(await runCallseal(["audit", "verify"], environment)).toMatchObject({
      code: 0,
      out: expect.stringContaining("# unbroken: 200 entries in 16 partitions"),
    });
  });
});

describe("a worker's process", () => {
  const workers = useWorkers();

  test("[A25] records, notifies and counts what happens to a call; killed under load, the next one goes on", async () => {
    const target = await startTarget(answerWith(200));
    workers.closeAfter(() => target.close());
    const deployment = await workers.deploy(
      { generic: { mode: "webhook", url: `${target.url}/intercept`, secrets } },
      { webhooks: [{ url: `${target.url}/events`, secrets, events: ["confirmed", "intercept_success"] }] },
    );
    const { core } = deployment;
    const first = await deployment.spawnWorker();
    const before = await Promise.all(Array.from({ length: 20 }, () => deployment.confirm()));
    await waitFor("the first worker is at work", () => target.requests.length > 0, { withinMs: 15_000 });
    await first.end("SIGKILL");
    const after = await Promise.all(Array.from({ length: 20 }, () => deployment.confirm()));
    await deployment.startWorker();
    const sessions = [...before, ...after];
    for (const { sessionId } of sessions) await deployment.settled(sessionId, 15_000);

    const heard = () => target.requests.filter(({ path }) => path === "/events").map(({ body }) => JSON.parse(body));
    // A killed worker's jobs are taken over when their lock has run out.
    await waitFor("every event was heard", () => new Set(heard().map(({ data }) => data.id)).size === 80, {
      withinMs: 60_000,
    });
    const sessionsOf = (type: string) =>
      new Set(
        heard()
          .filter((body) => body.type === type)
          .map(({ data }) => data.sessionId),
      );
    for (const type of ["confirmed", "intercept_success"]) {
      expect(sessionsOf(type)).toEqual(new Set(sessions.map(({ sessionId }) => sessionId)));
    }
    await waitForTrail(core);
    const { records, faults } = await readTrail(core);
    expect(faults).toEqual([]);
    const counts = new Map<string, number>();
    for (const { event } of records) {
      const { type } = JSON.parse(event);
      counts.set(type, (counts.get(type) ?? 0) + 1);
    }
    expect(Object.fromEntries(counts)).toEqual({
      session_created: 40,
      did_issued: 40,
      confirmed: 40,
      intercept_success: 40,
    });
  }, 90_000);
});
