import { describe, expect, test } from "vitest";
import { statusDocument } from "../../server/http/openapi/answer-schemas.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { callerApi, openSession, type SessionActions } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";
import { eventsOf, expire } from "../support/verified-call.ts";

const fixture = useGateways();
const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

/** What every status document has. */
const commonTo = (session: SessionActions, status: string) => ({
  sessionId: session.sessionId,
  callId: session.callId,
  provider: "generic",
  status,
  terminal: status !== "pending",
  generation: 1,
  createdAt: iso,
  expiresAt: session.created.body.expiresAt,
  intercept: { status: "none", attempts: 0 },
});

async function claimBy(deployment: Deployment, session: SessionActions) {
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  const { challenge } = await socket.ask("claim", { did: session.did });
  const decide = (decision: "confirm" | "deny") =>
    socket.ask(decision, { proof: device.proof(challenge!, { dec: decision, did: session.did }) });
  return { device, decide };
}

async function decideBy(deployment: Deployment, session: SessionActions, decision: "confirm" | "deny") {
  const { device, decide } = await claimBy(deployment, session);
  return { device, ack: await decide(decision) };
}

describe("the status document", () => {
  test("[S14] a pending session has no more than its own facts, and never the DID", async () => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    const answer = await session.get();
    expect(answer.status).toBe(200);
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.headers["content-type"]).toMatch(/^application\/json/);
    expect(statusDocument.parse(answer.body)).toEqual(commonTo(session, "pending"));
    expect(answer.text).not.toContain(session.did);
  });

  test("[S14] a confirmed session says when, how, by whom, and carries a receipt", async () => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    const { device, ack } = await decideBy(deployment, session, "confirm");
    const answer = await session.get();
    expect(statusDocument.parse(answer.body)).toEqual({
      ...commonTo(session, "confirmed"),
      confirmedAt: ack.confirmedAt,
      method: "did",
      subjectId: device.subjectId,
      deviceId: device.deviceId,
      receipt: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]{86}$/),
    });
    expect(answer.text).not.toContain(`"${session.did}"`);
    expect(ack.confirmedAt).toEqual(iso);
  });

  test("[S14] a denied session says by whom and carries no receipt", async () => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    const { device } = await decideBy(deployment, session, "deny");
    expect(statusDocument.parse((await session.get()).body)).toEqual({
      ...commonTo(session, "denied"),
      method: "did",
      subjectId: device.subjectId,
      deviceId: device.deviceId,
    });
  });

  test("[S14] canceled and timed-out sessions carry their status alone", async () => {
    const deployment = await fixture.start();
    const canceled = await openSession(deployment);
    await canceled.post("cancel");
    expect(statusDocument.parse((await canceled.get()).body)).toEqual(commonTo(canceled, "canceled"));
    const late = await openSession(deployment);
    await expire(deployment.core, late.sessionId);
    expect(statusDocument.parse((await late.get()).body)).toEqual({ ...commonTo(late, "timeout"), expiresAt: iso });
  });

  test("[S15] GET /calls/{provider}/{callId} answers for the latest generation, whatever characters the id has", async () => {
    const deployment = await fixture.start();
    const session = await openSession(deployment, { callId: "a/b?c#d%25&e" });
    const path = `${callerApi}/calls/generic/${encodeURIComponent(session.callId)}`;
    const answer = await send(deployment.gateway, `GET ${path}`, { key: deployment.keys.sessions });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual((await session.get()).body);
    for (const other of [`${callerApi}/calls/twilio/${encodeURIComponent(session.callId)}`, `${path}x`]) {
      const none = await send(deployment.gateway, `GET ${other}`, { key: deployment.keys.sessions });
      expect({ status: none.status, code: none.body.code }).toEqual({ status: 404, code: "not_found" });
    }
  });
});

describe("whose session it is", () => {
  test("[S16] another tenant's session is 404 on every path, and nothing happens to it", async () => {
    const [acme, globex] = [testTenant(), testTenant({ id: "globex", name: "Globex" })];
    const deployment = await fixture.start({ tenants: [acme, globex] });
    const session = await openSession(deployment);
    const key = globex.keys.sessions;
    for (const attacker of [
      `GET ${callerApi}/sessions/${session.sessionId}`,
      `GET ${callerApi}/sessions/${session.sessionId}?wait=5`,
      `GET ${callerApi}/calls/generic/${session.callId}`,
      `POST ${callerApi}/sessions/${session.sessionId}/cancel`,
      `POST ${callerApi}/sessions/${session.sessionId}/call-ended`,
      `GET /ivr/sessions/${session.sessionId}`,
    ]) {
      const answer = await send(deployment.gateway, attacker, { key });
      expect({ attacker, status: answer.status, code: answer.body.code }).toEqual({
        attacker,
        status: 404,
        code: "not_found",
      });
    }
    const loop = { key, json: { index: 1, digit: "0" } };
    const looped = await send(deployment.gateway, `POST ${callerApi}/sessions/${session.sessionId}/loop`, loop);
    expect(looped.status).toBe(404);
    expect((await session.get()).body.status).toBe("pending");
  });

  test("[S17] a key without the scope is 403, and none or an unknown one 401 with a challenge", async () => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    const { agent, admin, metrics, sessions } = deployment.keys;
    const doors: [line: string, allowed: string][] = [
      [`GET ${callerApi}/sessions/${session.sessionId}`, sessions],
      [`GET ${callerApi}/calls/generic/${session.callId}`, sessions],
      [`GET ${callerApi}/verifications?caseId=1`, sessions],
      [`GET /ivr/sessions/${session.sessionId}`, sessions],
      ["GET /admin/v1/events", admin],
      ["GET /metrics", metrics],
    ];
    for (const [line, allowed] of doors) {
      for (const key of [agent, admin, metrics, sessions]) {
        const answer = await send(deployment.gateway, line, { key });
        expect({ line, status: answer.status }).toEqual({ line, status: key === allowed ? 200 : 403 });
        if (key !== allowed) expect(answer.body.code).toBe("forbidden");
      }
      for (const authorization of [
        undefined,
        "Bearer unknown-key",
        `Basic ${sessions}`,
        sessions,
        "Bearer",
        `Bearer ${sessions}x`,
      ]) {
        const headers = authorization === undefined ? {} : { authorization };
        const answer = await send(deployment.gateway, line, { headers });
        expect({ line, status: answer.status, code: answer.body.code }).toEqual({
          line,
          status: 401,
          code: "unauthenticated",
        });
        expect(answer.headers["www-authenticate"]).toMatch(/^Bearer/);
      }
    }
    const small = await send(deployment.gateway, doors[0]![0], { headers: { authorization: `bearer ${sessions}` } });
    expect(small.status).toBe(200);
  });

  test("[S17] only the hash of a key may stand in the tenants file", async () => {
    const tenant = testTenant();
    const { createHash } = await import("node:crypto");
    const sha256 = createHash("sha256").update(tenant.keys.sessions).digest("hex");
    tenant.input.apiKeys = [{ id: "ivr", sha256, scopes: ["sessions"] }];
    const deployment = await fixture.start({ tenants: [tenant] });
    expect((await openSession(deployment)).created.status).toBe(201);
  });
});

describe("cancel and call-ended", () => {
  test("[S18] cancel answers the status document, again and again, with one event", async () => {
    const deployment = await fixture.start({ gateways: 2 });
    const session = await openSession(deployment);
    const first = await session.post("cancel");
    expect(first.status).toBe(200);
    expect(statusDocument.parse(first.body)).toMatchObject({ status: "canceled", terminal: true });
    for (const json of [undefined, {}]) expect((await session.post("cancel", json)).body).toEqual(first.body);
    const types = (await eventsOf(deployment.core, session.sessionId)).map((event) => event["type"]);
    expect(types).toEqual(["session_created", "did_issued", "canceled"]);
  });

  test("[S18] cancel leaves every other terminal state as it is, with 200", async () => {
    const deployment = await fixture.start();
    const confirmed = await openSession(deployment);
    await decideBy(deployment, confirmed, "confirm");
    const late = await openSession(deployment);
    await expire(deployment.core, late.sessionId);
    for (const [session, status] of [
      [confirmed, "confirmed"],
      [late, "timeout"],
    ] as const) {
      const before = await session.get();
      const canceled = await session.post("cancel");
      expect({ status: canceled.status, body: canceled.body }).toEqual({ status: 200, body: before.body });
      expect(canceled.body.status).toBe(status);
    }
  });

  test("[S19] call-ended marks the hang-up once, keeps the status, and makes a confirmation late", async () => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    const { decide } = await claimBy(deployment, session);
    const first = await session.post("call-ended", { durationSeconds: 92, disposition: "completed" });
    expect(first.status).toBe(200);
    expect(statusDocument.parse(first.body)).toEqual({ ...commonTo(session, "pending"), callEndedAt: iso });
    expect((await session.post("call-ended", { durationSeconds: 93 })).body).toEqual(first.body);
    expect((await session.post("call-ended")).body).toEqual(first.body);
    const ended = (await eventsOf(deployment.core, session.sessionId)).filter(
      (event) => event["type"] === "call_ended",
    );
    expect(ended.map((event) => JSON.parse(event["data"] ?? ""))).toEqual([
      { durationSeconds: 92, disposition: "completed" },
    ]);
    expect(await decide("confirm")).toMatchObject({ ok: false, code: "late_confirmation" });
    expect((await session.get()).body.status).toBe("pending");
  });
});

describe("GET /verifications", () => {
  test("[S20] shows late verifications of a case for tenants that keep them, and nothing for others", async () => {
    const lenient = testTenant({ policy: { late: "recently-verified" } });
    const strict = testTenant({ id: "globex", name: "Globex" });
    const deployment = await fixture.start({ tenants: [lenient, strict] });
    const session = await openSession(deployment, { metadata: { crmCaseId: "CASE-9911" } });
    const { device, decide } = await claimBy(deployment, session);
    await session.post("call-ended");
    expect((await decide("confirm")).code).toBe("late_confirmation");

    const ask = (key: string, caseId: string) =>
      send(deployment.gateway, `GET ${callerApi}/verifications?caseId=${caseId}`, { key });
    const listed = await ask(lenient.keys.sessions, "CASE-9911");
    expect(listed.headers["cache-control"]).toBe("no-store");
    expect(listed.body).toEqual({
      verifications: [
        {
          caseId: "CASE-9911",
          sessionId: session.sessionId,
          subjectId: device.subjectId,
          verifiedAt: iso,
          expiresAt: iso,
        },
      ],
    });
    expect((await ask(lenient.keys.sessions, "CASE-0")).body).toEqual({ verifications: [] });
    expect((await ask(strict.keys.sessions, "CASE-9911")).body).toEqual({ verifications: [] });
    expect((await session.get()).body.status).toBe("pending");
  });
});
