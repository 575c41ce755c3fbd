import { describe, expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";

const fixture = useGateways();
const phone = "+14155550123";
const twoTenants = () => [testTenant(), testTenant({ id: "globex" })];

const admin = (deployment: Deployment, line: string, json?: unknown, key = deployment.keys.admin) =>
  send(deployment.gateway, line, { key, ...(json === undefined ? {} : { json }) });

async function newSubject(deployment: Deployment, body: Record<string, unknown> = {}, key?: string): Promise<string> {
  const { status, body: answer } = await admin(
    deployment,
    "POST /admin/v1/subjects",
    { externalId: "person-1", ...body },
    key,
  );
  expect(status).toBe(201);
  return String(answer["subjectId"]);
}

const devicesOf = async (deployment: Deployment, subjectId: string) =>
  (await admin(deployment, `GET /admin/v1/subjects/${subjectId}/devices`)).body["devices"] as Record<string, unknown>[];

const routes = [
  "POST /admin/v1/subjects",
  "POST /admin/v1/subjects/suid_x/activation-codes",
  "GET /admin/v1/subjects/suid_x/devices",
  "DELETE /admin/v1/devices/zid_x",
  "GET /admin/v1/events",
  "GET /admin/v1/stats",
];

describe("the administration", () => {
  test("[E6] needs a key with scope admin", async () => {
    const deployment = await fixture.start();
    const { keys } = deployment;
    for (const line of routes) {
      expect((await send(deployment.gateway, line)).status).toBe(401);
      expect((await send(deployment.gateway, line, { key: "cs_test_unknown" })).status).toBe(401);
      for (const key of [keys.sessions, keys.agent, keys.metrics]) {
        const { status, body } = await send(deployment.gateway, line, { key });
        expect({ status, code: body.code }).toEqual({ status: 403, code: "forbidden" });
      }
    }
  });

  test("[E6] is never cached", async () => {
    const deployment = await fixture.start();
    expect((await admin(deployment, "GET /admin/v1/events")).headers["cache-control"]).toBe("no-store");
  });
});

describe("a subject", () => {
  test("[E7] is one for one external id, whatever its numbers become, and another in another tenant", async () => {
    const deployment = await fixture.start({ tenants: twoTenants() });
    const first = await newSubject(deployment, { phones: [phone] });
    expect(first).toMatch(/^suid_[A-Za-z0-9_-]{22}$/);
    expect(await newSubject(deployment, { phones: ["+14155550199"] })).toBe(first);
    expect(await newSubject(deployment, { externalId: "person-2" })).not.toBe(first);
    expect(await newSubject(deployment, {}, deployment.tenants[1]!.keys.admin)).not.toBe(first);
  });

  test("[E7] that gives a number up is offered that number's calls no more", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment, { phones: [phone] });
    const { externalId } = (await deployment.core.devices.readSubject("acme", device.subjectId))!;
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    await openSession(deployment, { ani: phone });
    await socket.next("offer");
    await newSubject(deployment, { externalId, phones: ["+14155550199"] });
    await openSession(deployment, { ani: phone });
    const { sessionId } = await openSession(deployment, { ani: "+14155550199" });
    expect(await socket.next("offer")).toMatchObject({ challenge: { sessionId } });
    expect(socket.received.filter(({ event }) => event === "offer")).toEqual([]);
  });

  const bodies: [name: string, attacker: unknown, pointer: string][] = [
    ["no external id", {}, "/externalId"],
    ["an empty external id", { externalId: "" }, "/externalId"],
    ["an external id of 129 characters", { externalId: "x".repeat(129) }, "/externalId"],
    ["an external id with NUL", { externalId: "a\u0000b" }, "/externalId"],
    ["an external id that is a number", { externalId: 7 }, "/externalId"],
    ["a number that is none", { externalId: "a", phones: ["4155550123"] }, "/phones/0"],
    ["a number that begins with zero", { externalId: "a", phones: [phone, "+0155550123"] }, "/phones/1"],
    ["eleven numbers", { externalId: "a", phones: Array.from({ length: 11 }, (_, i) => `+1415555010${i}`) }, "/phones"],
    ["a field that nobody knows", { externalId: "a", tenant: "globex" }, "/tenant"],
  ];

  test.each(bodies)("[E7] with %s is a 400 that names the field", async (_name, attacker, pointer) => {
    const deployment = await fixture.start();
    const { status, body } = await admin(deployment, "POST /admin/v1/subjects", attacker);
    expect({ status, code: body.code, at: body.errors.map((one) => one.pointer) }).toEqual({
      status: 400,
      code: "invalid_request",
      at: [pointer],
    });
  });

  test("[E7] of another tenant, or of none, is not found", async () => {
    const deployment = await fixture.start({ tenants: twoTenants() });
    const foreign = await newSubject(deployment, {}, deployment.tenants[1]!.keys.admin);
    for (const attacker of [foreign, `suid_${"A".repeat(22)}`, "suid_", "x", "__proto__", "%00", "..%2f", "suid_*"]) {
      for (const line of [
        `POST /admin/v1/subjects/${attacker}/activation-codes`,
        `GET /admin/v1/subjects/${attacker}/devices`,
      ]) {
        const { status, body } = await admin(deployment, line);
        expect({ line, status, code: body.code }).toEqual({ line, status: 404, code: "not_found" });
      }
    }
  });

  test("[E7] gets activation codes that differ, end in a quarter of an hour, and take an empty body only", async () => {
    const deployment = await fixture.start();
    const subjectId = await newSubject(deployment);
    const line = `POST /admin/v1/subjects/${subjectId}/activation-codes`;
    const [one, two] = [await admin(deployment, line), await admin(deployment, line, {})];
    expect([one.status, two.status]).toEqual([201, 201]);
    expect(one.body["activationCode"]).not.toBe(two.body["activationCode"]);
    const lifetimeMs = Date.parse(one.body.expiresAt) - Date.now();
    expect(lifetimeMs).toBeGreaterThan(890_000);
    expect(lifetimeMs).toBeLessThanOrEqual(900_000);
    expect((await admin(deployment, line, { ttl: 9 })).status).toBe(400);
  });
});

describe("a device", () => {
  test("[E8] is listed with its subject, oldest first, and when it was seen", async () => {
    const deployment = await fixture.start();
    const first = await enrolDevice(deployment, { phones: [phone], phone });
    const second = await enrolDevice(deployment, { subjectId: first.subjectId });
    const socket = await openDeviceSocket(fixture, deployment.gateway, first);
    await socket.ask("claim", { did: "no-code" });
    const common = { name: "Test phone", platform: "android", status: "active", createdAt: expect.any(String) };
    expect(await devicesOf(deployment, first.subjectId)).toEqual([
      { ...common, deviceId: first.deviceId, phone, lastSeenAt: expect.any(String) },
      { ...common, deviceId: second.deviceId, phone: null, lastSeenAt: null },
    ]);
  });

  test("[E8] that is revoked stays revoked, however often, and leaves the subject's others alone", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment);
    const other = await enrolDevice(deployment, { subjectId: device.subjectId });
    for (let times = 0; times < 3; times += 1) {
      const { status, text } = await admin(deployment, `DELETE /admin/v1/devices/${device.deviceId}`);
      expect({ status, text }).toEqual({ status: 204, text: "" });
    }
    const statuses = (await devicesOf(deployment, device.subjectId)).map(({ deviceId, status }) => [deviceId, status]);
    expect(Object.fromEntries(statuses)).toEqual({ [device.deviceId]: "revoked", [other.deviceId]: "active" });
    const { events } = (await admin(deployment, "GET /admin/v1/events")).body;
    const revoked = events.filter(({ type }) => type === "device_revoked");
    expect(revoked).toMatchObject([{ deviceId: device.deviceId }]);
  });

  test("[E8] of another tenant, or of none, is not found and stays as it is", async () => {
    const deployment = await fixture.start({ tenants: twoTenants() });
    const device = await enrolDevice(deployment);
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    const stranger = deployment.tenants[1]!.keys.admin;
    for (const attacker of [device.deviceId, `zid_${"A".repeat(22)}`, "zid_", "x", "__proto__", "zid_*", "%00"]) {
      const { status, body } = await admin(deployment, `DELETE /admin/v1/devices/${attacker}`, undefined, stranger);
      expect({ attacker, status, code: body.code }).toEqual({ attacker, status: 404, code: "not_found" });
    }
    expect((await socket.ask("claim", { did: "no-code" })).code).toBe("wrong_did");
    expect(await devicesOf(deployment, device.subjectId)).toMatchObject([{ status: "active" }]);
  });
});

describe("the events", () => {
  test("[E9] are read page by page, oldest first, none twice and none left out", async () => {
    const deployment = await fixture.start();
    const sessions = [];
    for (let index = 0; index < 12; index += 1) sessions.push(await openSession(deployment));
    for (const session of sessions.slice(0, 6)) await session.post("cancel");
    const all = (await admin(deployment, "GET /admin/v1/events?limit=1000")).body.events;
    expect(all.filter(({ type }) => type === "session_created")).toHaveLength(12);
    expect(all.filter(({ type }) => type === "canceled")).toHaveLength(6);
    const times = all.map(({ time }) => String(time));
    expect(times).toEqual([...times].sort());
    const paged = [];
    for (let after = ""; ; ) {
      const { events, next } = (await admin(deployment, `GET /admin/v1/events?limit=7${after}`)).body;
      expect(events.length).toBeLessThanOrEqual(7);
      if (events.length === 0) break;
      expect(next).toBe(events.at(-1)!.id);
      paged.push(...events);
      after = `&after=${String(next)}`;
    }
    expect(paged).toEqual(all);
  });

  test("[E9] begin with what is asked for next, and say the same position while nothing happens", async () => {
    const deployment = await fixture.start();
    expect((await admin(deployment, "GET /admin/v1/events")).body).toEqual({ events: [] });
    await openSession(deployment);
    const { next } = (await admin(deployment, "GET /admin/v1/events")).body;
    expect((await admin(deployment, `GET /admin/v1/events?after=${String(next)}`)).body).toEqual({ events: [], next });
    const { sessionId } = await openSession(deployment);
    const { events } = (await admin(deployment, `GET /admin/v1/events?after=${String(next)}`)).body;
    expect(events.map((event) => [event.type, event.sessionId])).toEqual([
      ["session_created", sessionId],
      ["did_issued", sessionId],
    ]);
  });

  test("[E9] are the tenant's own, and hold no code and no full number", async () => {
    const deployment = await fixture.start({ tenants: twoTenants() });
    const device = await enrolDevice(deployment, { phones: [phone] });
    await openDeviceSocket(fixture, deployment.gateway, device);
    const { did, callId } = await openSession(deployment, { ani: phone, dnis: "+18005551234" });
    const { text, body } = await admin(deployment, "GET /admin/v1/events?limit=1000");
    expect(text).not.toContain(phone);
    expect(
      JSON.stringify(
        body.events
          .map(({ id: _, sessionId: __, ...event }) => event)
          .map((event) => ({ ...event, time: "", callId: "" })),
      ),
    ).not.toContain(`"${did}"`);
    expect(body.events.find(({ type }) => type === "session_created")).toMatchObject({
      callId,
      ani: "+1********23",
      dnis: "+18005551234",
    });
    const stranger = await admin(deployment, "GET /admin/v1/events", undefined, deployment.tenants[1]!.keys.admin);
    expect(stranger.body.events).toEqual([]);
  });

  test.each([
    "after=x",
    "after=1",
    "after=1-1",
    "after=-1-1-1",
    "after=%00",
    "after=1-1-99999",
    "limit=0",
    "limit=1001",
    "limit=-1",
    "limit=1.5",
    "limit=x",
    "limit=",
    "limit=1&limit=2",
  ])("[E9] asked for with %s are refused", async (attacker) => {
    const deployment = await fixture.start();
    const { status, body } = await admin(deployment, `GET /admin/v1/events?${attacker}`);
    expect({ status, code: body.code }).toEqual({ status: 400, code: "invalid_request" });
  });
});
