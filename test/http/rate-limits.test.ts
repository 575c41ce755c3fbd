import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { callerApi, newCallId, openSession, postSession } from "../support/open-session.ts";
import { type Answer, send } from "../support/send.ts";
import { type TestTenant, testTenant } from "../support/test-tenants.ts";
import { expire } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useGateways();
const ani = "+14155550123";

function expectLimited(answer: Answer): void {
  expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 429, code: "rate_limited" });
  const seconds = Number(answer.headers["retry-after"]);
  expect(Number.isInteger(seconds) && seconds >= 1 && seconds <= 3600).toBe(true);
}

/** The tenant's rate_limited events, once there are as many. */
async function refusals(deployment: Deployment, count: number) {
  return await waitFor(`${count} rate_limited events`, async () => {
    const { body } = await send(deployment.gateway, "GET /admin/v1/events?limit=1000", { key: deployment.keys.admin });
    const found = body.events.filter((event) => event.type === "rate_limited");
    return found.length >= count ? found : undefined;
  });
}

const startWith = (limits: NonNullable<Parameters<typeof testTenant>[0]>["limits"], gateways = 2) =>
  fixture.start({ gateways, tenants: [testTenant({ limits })] });

describe("session creation", () => {
  test("[S39] calls of one number are limited on all gateways together; others and withheld ones go on", async () => {
    const deployment = await startWith({ sessionsPerMinutePerAni: 3 });
    const create = (body: Record<string, unknown>, turn: number) =>
      postSession(deployment, body, { gateway: deployment.gateways[turn % 2]! });
    const answers = await Promise.all(Array.from({ length: 10 }, (_, turn) => create({ ani }, turn)));
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(3);
    for (const answer of answers.filter(({ status }) => status !== 201)) expectLimited(answer);
    expect((await create({ ani: "+14155550124" }, 0)).status).toBe(201);
    expect((await create({}, 1)).status).toBe(201);
    const [event, ...more] = await refusals(deployment, 1);
    expect(more).toEqual([]);
    expect(event).toMatchObject({ tenant: "acme", limit: "sessions", ani: "+1********23" });
    expect(JSON.stringify(event)).not.toContain(ani);
  });

  test("[S39] creations by one key are limited, whatever the number; another key goes on", async () => {
    const tenant = testTenant({ limits: { sessionsPerMinutePerKey: 4 } });
    const other = `cs_test_${randomUUID()}`;
    tenant.input.apiKeys.push({ id: "second", key: other, scopes: ["sessions"] });
    const deployment = await fixture.start({ tenants: [tenant] });
    for (let turn = 0; turn < 4; turn += 1) expect((await postSession(deployment)).status).toBe(201);
    expectLimited(await postSession(deployment));
    const flat = await send(deployment.gateway, "POST /ivr/sessions", {
      key: deployment.keys.sessions,
      json: { callId: newCallId() },
    });
    expectLimited(flat);
    expect((await postSession(deployment, {}, { key: other })).status).toBe(201);
    expect(await refusals(deployment, 1)).toHaveLength(1);
  });

  test("[S40] a repeat for a call that has its session is no creation: neither counted nor refused", async () => {
    const deployment = await startWith({ sessionsPerMinutePerAni: 2, sessionsPerMinutePerKey: 2 });
    const first = await openSession(deployment, { ani });
    for (let turn = 0; turn < 10; turn += 1) {
      const gateway = deployment.gateways[turn % 2]!;
      const again = await postSession(deployment, { ani, callId: first.callId }, { gateway });
      expect(again.body).toEqual(first.created.body);
    }
    const second = await waitFor("what was counted for repeats is given back", async () => {
      const answer = await postSession(deployment, { ani });
      return answer.status === 201 ? answer : undefined;
    });
    for (const reissue of [false, true]) {
      const again = await postSession(deployment, { ani, callId: second.body.callId, reissue });
      expect({ status: again.status, sessionId: again.body.sessionId }).toEqual({
        status: 200,
        sessionId: second.body.sessionId,
      });
    }
    expectLimited(await postSession(deployment, { ani }));
    await expire(deployment.core, first.sessionId);
    expect((await postSession(deployment, { ani, callId: first.callId })).body.status).toBe("timeout");
    expectLimited(await postSession(deployment, { ani, callId: first.callId, reissue: true }));
  });

  test("[S40] fifty racing creates for one call are one creation, with two left in the window", async () => {
    const deployment = await startWith({ sessionsPerMinutePerAni: 3 });
    const callId = newCallId();
    const racing = Array.from({ length: 50 }, (_, turn) =>
      postSession(deployment, { ani, callId }, { gateway: deployment.gateways[turn % 2]! }),
    );
    const statuses = (await Promise.all(racing)).map((answer) => answer.status).sort();
    expect(statuses).toEqual([...Array(49).fill(200), 201]);
    await waitFor("two more calls are opened", async () => (await postSession(deployment, { ani })).status === 201);
    await waitFor("two more calls are opened", async () => (await postSession(deployment, { ani })).status === 201);
    expectLimited(await postSession(deployment, { ani }));
  });
});

describe("polls", () => {
  test("[L15] polls of one session are limited; other sessions, and the end of this one, go on", async () => {
    const [acme, globex] = [
      testTenant({ limits: { pollsPerMinutePerSession: 3 } }),
      testTenant({ id: "globex", name: "Globex" }),
    ];
    const deployment = await fixture.start({ gateways: 2, tenants: [acme, globex] });
    const session = await openSession(deployment);
    const path = `GET ${callerApi}/sessions/${session.sessionId}`;
    for (let turn = 0; turn < 5; turn += 1) {
      expect((await send(deployment.gateway, path, { key: globex.keys.sessions })).status).toBe(404);
    }
    expect((await session.get("?wait=nonsense")).status).toBe(400);
    const key = acme.keys.sessions;
    expect((await send(deployment.gateways[1]!, path, { key })).status).toBe(200);
    expect((await session.get("?wait=0")).status).toBe(200);
    const call = `GET ${callerApi}/calls/generic/${session.callId}`;
    expect((await send(deployment.gateway, call, { key })).status).toBe(200);
    for (const line of [path, call, `GET /ivr/sessions/${session.sessionId}`]) {
      expectLimited(await send(deployment.gateway, line, { key }));
    }
    const events = await refusals(deployment, 1);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ limit: "polls", sessionId: session.sessionId, callId: session.callId });
    expect((await (await openSession(deployment)).get()).status).toBe(200);
    expect((await session.post("cancel")).body.status).toBe("canceled");
  });
});

describe("enrolments", () => {
  test("[E5] attempts of an address count for all tenants, and a tenant that allows fewer refuses its own codes sooner", async () => {
    const [acme, globex] = [
      testTenant({ limits: { enrollmentsPerHourPerAddress: 2 } }),
      testTenant({ id: "globex", name: "Globex", limits: { enrollmentsPerHourPerAddress: 4 } }),
    ];
    const deployment = await fixture.start({ tenants: [acme, globex] });
    const enrol = (tenant: TestTenant) => enrolDevice(deployment, { adminKey: tenant.keys.admin });
    await enrol(acme);
    await enrol(globex);
    await expect(enrol(acme)).rejects.toThrow(/429.*rate_limited/);
    await enrol(globex);
    const over = await send(deployment.gateway, "POST /scramble/device/v1/enrollments", { json: {} });
    expectLimited(over);
  });
});
