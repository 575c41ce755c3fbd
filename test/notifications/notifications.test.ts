import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { spawnConsumer } from "../outbox/spawn-consumer.ts";
import { appendEvents } from "../outbox/start-reader.ts";
import { freePort } from "../support/free-port.ts";
import { liveADay } from "../support/live-a-day.ts";
import type { Core } from "../support/open-core.ts";
import { environmentOf, runCallseal } from "../support/run-callseal.ts";
import { useCore } from "../support/use-core.ts";
import { claimedSession } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";
import { answerWith, type ReceivedRequest } from "../worker/delivery/start-target.ts";
import { notifiedTenant, openConsumers, openTarget, secrets } from "./open-consumers.ts";

const fixture = useCore();

const ids = (requests: readonly ReceivedRequest[]) => requests.map(({ headers }) => headers["webhook-id"] as string);
const bodies = (requests: readonly ReceivedRequest[]) => requests.map(({ body }) => JSON.parse(body));

async function notificationsFailed(fixtureCore: Core): Promise<string> {
  return (await runCallseal(["notifications", "list"], environmentOf(fixture, fixtureCore))).out;
}

/** Everything that was appended before `last` has been handled by the webhooks group. */
async function allQueued(core: Core) {
  await waitFor("the group is at the end", async () => {
    const names = await core.redis.keys(`${core.keyspace.prefix}:*:outbox`);
    for (const name of names) {
      const groups = (await core.redis.xinfo("GROUPS", name)) as unknown[][];
      const group = groups.find((fields) => fields[1] === "webhooks");
      if (group === undefined || group[group.indexOf("pending") + 1] !== 0) return false;
      const [last] = (await core.redis.xrevrange(name, "+", "-", "COUNT", 1)) as [string, string[]][];
      if (group[group.indexOf("last-delivered-id") + 1] !== (last?.[0] ?? "0-0")) return false;
    }
    return true;
  });
}

describe("a tenant's event webhook", () => {
  test("[A16] gets the events that it asked for, signed with every secret, as their envelopes", async () => {
    const core = fixture.open();
    const target = await openTarget(fixture);
    const webhook = {
      url: `${target.url}/events?token=abc`,
      secrets,
      events: ["confirmed" as const, "canceled" as const],
    };
    openConsumers(fixture, core, { tenants: [notifiedTenant([webhook])] });
    const { session, proof } = await claimedSession(core);
    await core.sessions.decide({ ...proof, correlationId: "corr-confirm" });
    const canceled = await claimedSession(core);
    await core.sessions.cancel(canceled.session.sessionId, "acme", "corr-cancel");
    await target.received(2);
    await allQueued(core);
    expect(target.requests).toHaveLength(2);
    const confirmed = target.requests.find(({ body }) => JSON.parse(body).type === "confirmed")!;
    const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 100 });
    const event = events.find(({ type }) => type === "confirmed")!;
    expect(JSON.parse(confirmed.body)).toEqual({ type: "confirmed", timestamp: event.time, data: event });
    expect(event.sessionId).toBe(session.sessionId);
    expect(confirmed.path).toBe("/events?token=abc");
    expect(confirmed.headers).toMatchObject({
      "webhook-id": event.id,
      "x-correlation-id": "corr-confirm",
      "content-type": "application/json",
    });
    expect((confirmed.headers["webhook-signature"] as string).split(" ")).toHaveLength(2);
    for (const secret of secrets) {
      expect(() =>
        new Webhook(secret).verify(confirmed.body, confirmed.headers as Record<string, string>),
      ).not.toThrow();
    }
  });

  test("[A16] with * gets every event, and no code, token or number in any of them", async () => {
    const core = fixture.open();
    const target = await openTarget(fixture);
    openConsumers(fixture, core, { tenants: [notifiedTenant([{ url: target.url, secrets, events: ["*"] }])] });
    await liveADay(core);
    const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
    await target.received(events.length);
    expect(ids(target.requests).toSorted()).toEqual(events.map(({ id }) => id).toSorted());
    const text = target.requests.map(({ body }) => body).join("\n");
    expect(text).toContain("device_enrolled");
    expect(text).not.toMatch(/nonce|4155550000|"did":|"(?:jti|token|proof|signature|secret)"/);
  });

  test("[A16] hears nothing of another tenant, and of what concerns all tenants everybody hears", async () => {
    const core = fixture.open();
    const [acme, globex] = [await openTarget(fixture), await openTarget(fixture)];
    openConsumers(fixture, core, {
      tenants: [
        notifiedTenant([{ url: acme.url, secrets, events: ["*"] }]),
        notifiedTenant([{ url: globex.url, secrets, events: ["degraded", "audit_gap"] }], { id: "globex" }),
      ],
    });
    await appendEvents(core, 5, "acme");
    await appendEvents(core, 3, "globex");
    await appendEvents(core, 2, "nobody");
    await core.events.append({ type: "audit_gap", tenant: "*", correlationId: "corr-gap" });
    await Promise.all([acme.received(6), globex.received(4)]);
    await allQueued(core);
    expect(
      bodies(acme.requests)
        .map(({ data }) => data.tenant)
        .toSorted(),
    ).toEqual(["*", ...Array(5).fill("acme")]);
    expect(
      bodies(globex.requests)
        .map(({ data }) => data.tenant)
        .toSorted(),
    ).toEqual(["*", ...Array(3).fill("globex")]);
  });

  test("[A17] that fails is asked again with the same id and the same bytes, and a new signature's time", async () => {
    const core = fixture.open();
    let answers = 0;
    const target = await openTarget(fixture, (response, request, socket) => {
      answers += 1;
      // Every kind of failure that may pass, and then success.
      if (answers === 4) socket.destroy();
      else
        answerWith([500, 429, 401, 0, 302][answers - 1] ?? 200, "", { location: "/elsewhere" })(
          response,
          request,
          socket,
        );
    });
    const { logs } = openConsumers(fixture, core, {
      tenants: [notifiedTenant([{ url: target.url, secrets, events: ["*"] }])],
    });
    await appendEvents(core, 1);
    await target.received(6);
    expect(new Set(ids(target.requests)).size).toBe(1);
    expect(new Set(target.requests.map(({ body }) => body)).size).toBe(1);
    expect(target.requests.every(({ path }) => path === "/")).toBe(true);
    await waitFor("it is delivered", () => logs.some(({ result }) => result === "delivered"));
    expect(logs.filter(({ event }) => event === "notification.attempted").map(({ attempt }) => attempt)).toEqual([
      1, 2, 3, 4, 5, 6,
    ]);
    expect(JSON.stringify(logs)).not.toMatch(/whsec_|token=abc|signature/);
  });

  test("[A18] that never answers well is given up after twelve attempts, kept, and sent again by a command", async () => {
    const core = fixture.open();
    const target = await openTarget(fixture, answerWith(503));
    const { logs, registry } = openConsumers(fixture, core, {
      tenants: [notifiedTenant([{ url: `${target.url}/path-secret`, secrets, events: ["degraded"] }])],
    });
    await appendEvents(core, 2);
    await waitFor("both are given up", () => logs.filter(({ event }) => event === "notification.failed").length === 2);
    expect(target.requests).toHaveLength(24);
    expect(await registry.metrics()).toContain('callseal_notifications_total{tenant="acme",result="failed"} 2');

    const list = await notificationsFailed(core);
    expect(list.trim().split("\n")).toHaveLength(2);
    for (const id of new Set(ids(target.requests))) expect(list).toContain(id);
    expect(list).toContain("\tacme\tdegraded\t");
    expect(list).toContain("\t12 attempts\thttp_503");
    expect(list).not.toContain("path-secret");
    const environment = environmentOf(fixture, core);
    expect((await runCallseal(["notifications", "list", "--tenant", "globex"], environment)).out).toBe("");
    expect((await runCallseal(["notifications", "list", "--since", "5m", "--type", "degraded"], environment)).out).toBe(
      list,
    );
    expect((await runCallseal(["notifications", "replay", "--since", "2126-01-01T00:00:00Z"], environment)).out).toBe(
      "0 queued again\n",
    );

    target.answer = answerWith(200);
    const replayed = await runCallseal(["notifications", "replay", "--tenant", "acme"], environment);
    expect(replayed).toMatchObject({ code: 0, out: "2 queued again\n" });
    await target.received(26);
    expect(new Set(ids(target.requests)).size).toBe(2);
    await waitFor("nothing is left", async () => (await notificationsFailed(core)) === "");
  });

  test.each([
    ["410 is never asked again", answerWith(410), true, "http_410"],
    ["plain http is refused before a connection is made", answerWith(200), false, "insecure_url"],
  ])("[A19] %s", async (_name, answer, allowInsecureTargets, reason) => {
    const core = fixture.open();
    const target = await openTarget(fixture, answer);
    const webhook = { url: target.url, secrets, events: ["*" as const] };
    const { logs } = openConsumers(fixture, core, { tenants: [notifiedTenant([webhook], { allowInsecureTargets })] });
    await appendEvents(core, 1);
    await waitFor("it is given up", () => logs.some(({ event }) => event === "notification.failed"));
    expect(await notificationsFailed(core)).toContain(`\t${reason}\n`);
    expect(target.connections).toBe(allowInsecureTargets ? 1 : 0);
  });

  test.each([
    "https://127.0.0.1",
    "https://localhost",
    "https://169.254.169.254/latest",
    "https://[::1]",
    "https://10.0.0.1",
  ])("[A19] %s is refused by its address, at once and for good", async (attacker) => {
    const core = fixture.open();
    const webhook = { url: attacker, secrets, events: ["*" as const] };
    openConsumers(fixture, core, { tenants: [notifiedTenant([webhook], { allowInsecureTargets: false })] });
    await appendEvents(core, 1);
    const list = await waitFor("it is given up", () => notificationsFailed(core), { everyMs: 50 });
    expect(list).toContain("blocked_address\n");
  });

  test("[A20] that never answers does not hold up another tenant's", async () => {
    const core = fixture.open();
    const [dead, well] = [await openTarget(fixture, () => undefined), await openTarget(fixture)];
    openConsumers(fixture, core, {
      tuning: { concurrency: 4, slotsPerEndpoint: 2, timeoutMs: 60_000 },
      tenants: [
        notifiedTenant([{ url: dead.url, secrets, events: ["*"] }]),
        notifiedTenant([{ url: well.url, secrets, events: ["*"] }], { id: "globex" }),
      ],
    });
    await appendEvents(core, 40, "acme");
    await dead.received(2);
    await appendEvents(core, 20, "globex");
    await well.received(20);
    expect(dead.requests).toHaveLength(2);
  });

  test("[A21] a worker that is killed between queueing and acknowledging leaves every event delivered, once", async () => {
    const core = fixture.open();
    const target = await openTarget(fixture);
    const tenants = [notifiedTenant([{ url: target.url, secrets, events: ["*"] }])];
    const consumer = spawnConsumer(fixture, core, { group: "webhooks", tenants });
    await appendEvents(core, 100);
    await waitFor("it has queued some", () => consumer.handled > 0, { withinMs: 15_000 });
    await consumer.kill();
    const { faults } = openConsumers(fixture, core, { tenants });
    await target.received(100);
    await allQueued(core);
    const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 200 });
    expect(ids(target.requests).toSorted()).toEqual(events.map(({ id }) => id).toSorted());
    expect(faults).toEqual([]);
  });

  test("[A21] a worker that stops with an attempt under way leaves it to the next one, as the same attempt", async () => {
    const core = fixture.open();
    const target = await openTarget(fixture, () => undefined);
    const tenants = [notifiedTenant([{ url: target.url, secrets, events: ["*"] }])];
    const first = openConsumers(fixture, core, { tenants, tuning: { timeoutMs: 60_000 } });
    await appendEvents(core, 1);
    await target.received(1);
    const at = performance.now();
    await first.consumers.close();
    expect(performance.now() - at).toBeLessThan(3000);
    target.answer = answerWith(200);
    const { logs } = openConsumers(fixture, core, { tenants });
    await waitFor("it is delivered", () => logs.some(({ result }) => result === "delivered"));
    expect(logs.filter(({ event }) => event === "notification.attempted")).toMatchObject([{ attempt: 1 }]);
    expect(new Set(ids(target.requests)).size).toBe(1);
  });

  test("[A22] an endpoint that the tenant has no longer is not asked any more", async () => {
    const core = fixture.open();
    const url = `http://127.0.0.1:${await freePort()}`;
    const tuning = { retryDelayMs: () => 300 };
    const before = openConsumers(fixture, core, {
      tuning,
      tenants: [notifiedTenant([{ url, secrets, events: ["*"] }])],
    });
    await appendEvents(core, 1);
    await waitFor("it failed once", () => before.logs.some(({ result }) => result === "retried"));
    await before.consumers.close();
    openConsumers(fixture, core, { tuning, tenants: [notifiedTenant([])] });
    const list = await waitFor("it is given up", () => notificationsFailed(core), { everyMs: 50 });
    expect(list).toContain("endpoint_removed\n");
  });
});

describe("metrics", () => {
  test("[A23] each event is counted once over any number of workers, by tenant and type", async () => {
    const core = fixture.open();
    const tenants = [notifiedTenant([])];
    const workers = [openConsumers(fixture, core, { tenants }), openConsumers(fixture, core, { tenants })];
    await appendEvents(core, 200, "acme");
    await appendEvents(core, 10, "unknown");
    const count = async () => {
      const texts = await Promise.all(workers.map(({ registry }) => registry.getMetricsAsJSON()));
      const values = texts.flat().flatMap((metric) => (metric.name === "callseal_events_total" ? metric.values : []));
      return (tenant: string) =>
        values.filter(({ labels }) => labels.tenant === tenant).reduce((sum, { value }) => sum + value, 0);
    };
    await waitFor("all events are counted", async () => (await count())("acme") + (await count())("*") === 210);
    const counted = await count();
    expect([counted("acme"), counted("*")]).toEqual([200, 10]);
    // Each group reads when it will: that of the audit trail may still be gathering.
    const lag = 'callseal_outbox_lag{group="audit"} 0';
    await waitFor("the audit trail is not behind", async () => (await workers[0]!.registry.metrics()).includes(lag));
  });
});
