import { describe, expect, test } from "vitest";
import { flatSession, flatStatus } from "../../server/http/openapi/answer-schemas.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { confirmByDid, openDeviceSocket } from "../support/open-device-socket.ts";
import { newCallId, openSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";
import { expire, recordOf } from "../support/verified-call.ts";

const fixture = useGateways();

const post = (deployment: Deployment, json: Record<string, unknown>) =>
  send(deployment.gateway, "POST /ivr/sessions", { key: deployment.keys.sessions, json });
const get = (deployment: Deployment, sessionId: string, query = "") =>
  send(deployment.gateway, `GET /ivr/sessions/${sessionId}${query}`, { key: deployment.keys.sessions });

describe("POST /ivr/sessions", () => {
  test("[F1] answers 200 with flat values: no object, no list, nothing missing", async () => {
    const deployment = await fixture.start();
    const answer = await post(deployment, { contactId: "4711", ani: "+14155550000" });
    expect(answer.status).toBe(200);
    expect(answer.headers["cache-control"]).toBe("no-store");
    const { did } = answer.body;
    expect(flatSession.parse(answer.body)).toEqual({
      sessionId: expect.stringMatching(/^csn_/),
      did: expect.stringMatching(/^\d{6}$/),
      didSpoken: [...did].join(" "),
      ttlSeconds: 60,
      status: "pending",
      terminal: false,
      canReissue: false,
      expiresInSeconds: 60,
      pollAfterSeconds: expect.any(Number),
      speak: `Your verification code is ${[...did].join(" ")}.`,
      loop: expect.stringContaining("Open the app"),
    });
    expect(Object.values(answer.body).filter((value) => typeof value === "object")).toEqual([]);
    const again = await post(deployment, { contactId: "4711", ani: "+14155550000" });
    expect({ ...again.body, expiresInSeconds: 60 }).toEqual(answer.body);
  });

  test.each(["callId", "contactId", "conversationId", "interactionId"])(
    "[F2] the call id may be called %s; provider is generic unless given",
    async (name) => {
      const deployment = await fixture.start();
      const answer = await post(deployment, { [name]: "call-1" });
      expect(await recordOf(deployment.core, answer.body.sessionId)).toMatchObject({
        callId: "call-1",
        provider: "generic",
      });
      const genesys = await post(deployment, { [name]: "call-1", provider: "genesys" });
      expect(genesys.body.sessionId).not.toBe(answer.body.sessionId);
    },
  );

  test.each([
    [{}],
    [{ callId: "a", contactId: "a" }],
    [{ conversationId: "a", interactionId: "b" }],
    [{ callId: "" }],
    [{ callId: "", contactId: "" }],
    [{ sessionId: "a" }],
    [{ callId: 5 }],
    [{ callId: "a", wait: 5 }],
  ])("[F2] exactly one call id is wanted, and no unknown field: %j", async (attacker) => {
    const deployment = await fixture.start();
    const answer = await post(deployment, attacker);
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 400, code: "invalid_request" });
  });

  test("[F3] a designer's variable that was never set is an empty text, and counts as absent", async () => {
    const deployment = await fixture.start();
    const json = { callId: "", contactId: "4711", conversationId: "", ani: "", dnis: "", locale: "" };
    const answer = await post(deployment, json);
    expect(answer.status).toBe(200);
    const record = await recordOf(deployment.core, answer.body.sessionId);
    expect(record).toMatchObject({ callId: "4711", locale: "en-US" });
    expect(record).not.toHaveProperty("ani");
  });

  test("[F4] the key is a bearer key or X-Api-Key, here and nowhere else", async () => {
    const deployment = await fixture.start();
    const key = deployment.keys.sessions;
    const json = { callId: newCallId() };
    const withKey = (headers: Record<string, string>) =>
      send(deployment.gateway, "POST /ivr/sessions", { json, headers });
    expect((await withKey({ "x-api-key": key })).status).toBe(200);
    expect((await withKey({ authorization: `Bearer ${key}` })).status).toBe(200);
    for (const attacker of ["", "unknown-key", `${key}x`, `Bearer ${key}`, `${key}, ${key}`]) {
      const refused = await withKey({ "x-api-key": attacker });
      expect({ attacker, status: refused.status }).toEqual({ attacker, status: 401 });
    }
    expect((await withKey({ "x-api-key": deployment.keys.agent })).status).toBe(403);
    const elsewhere = await send(deployment.gateway, "GET /scramble/caller/v1/verifications?caseId=1", {
      headers: { "x-api-key": key },
    });
    expect(elsewhere.status).toBe(401);
  });

  test("[F5] JSON is taken under application/x-www-form-urlencoded too, and nothing else is", async () => {
    const deployment = await fixture.start();
    const body = JSON.stringify({ callId: newCallId() });
    const withType = (type: string, text = body) =>
      send(deployment.gateway, "POST /ivr/sessions", {
        key: deployment.keys.sessions,
        body: text,
        headers: { "content-type": type },
      });
    for (const type of [
      "application/json",
      "application/x-www-form-urlencoded",
      "application/x-www-form-urlencoded; charset=UTF-8",
    ]) {
      expect((await withType(type)).status, type).toBe(200);
    }
    expect((await withType("text/plain")).status).toBe(415);
    const form = await withType("application/x-www-form-urlencoded", "callId=4711");
    expect({ status: form.status, code: form.body.code }).toEqual({ status: 400, code: "invalid_request" });
  });

  test("[F6] what has ended is a 200 too: expired may be reissued once, then not; canceled never", async () => {
    const deployment = await fixture.start();
    const callId = newCallId();
    const ended = { did: "", didSpoken: "", speak: "", loop: "", terminal: true, expiresInSeconds: 0 };
    const first = await post(deployment, { callId });
    await expire(deployment.core, first.body.sessionId);
    const expired = await post(deployment, { callId });
    expect(expired.status).toBe(200);
    expect(flatSession.parse(expired.body)).toMatchObject({ ...ended, status: "expired", canReissue: true });
    expect((await get(deployment, first.body.sessionId)).body).toMatchObject({ status: "expired", canReissue: true });

    const second = await post(deployment, { callId, reissue: true });
    expect(second.body).toMatchObject({ status: "pending", terminal: false, canReissue: false });
    expect(second.body.sessionId).not.toBe(first.body.sessionId);
    await expire(deployment.core, second.body.sessionId);
    const third = await post(deployment, { callId, reissue: true });
    expect(third.status).toBe(200);
    expect(flatSession.parse(third.body)).toMatchObject({ ...ended, status: "expired", canReissue: false });

    const other = await openSession(deployment);
    await other.post("cancel");
    const canceled = await post(deployment, { callId: other.callId, reissue: true });
    expect(canceled.status).toBe(200);
    expect(flatSession.parse(canceled.body)).toMatchObject({ ...ended, status: "canceled", canReissue: false });
  });
});

describe("GET /ivr/sessions/{id}", () => {
  test("[F7] carries the flat status and neither the code nor what to say", async () => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    const answer = await get(deployment, session.sessionId);
    expect(answer.status).toBe(200);
    expect(flatStatus.parse(answer.body)).toMatchObject({
      sessionId: session.sessionId,
      status: "pending",
      terminal: false,
      canReissue: false,
      ttlSeconds: 60,
    });
    for (const name of ["did", "didSpoken", "speak", "loop"]) expect(answer.body).not.toHaveProperty(name);
    expect(answer.text).not.toContain(session.did);
  });

  test("[F8] confirmed and denied are spelled so", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment);
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    const confirmed = await openSession(deployment);
    await confirmByDid(socket, device, confirmed.did);
    const denied = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did: denied.did });
    await socket.ask("deny", { proof: device.proof(challenge!, { dec: "deny" }) });
    for (const [session, status] of [
      [confirmed, "confirmed"],
      [denied, "denied"],
    ] as const) {
      const answer = await get(deployment, session.sessionId, "?wait=30");
      expect(flatStatus.parse(answer.body)).toMatchObject({ status, terminal: true, canReissue: false });
    }
  });

  test("[F9] waits like the session API, within the provider's cap, and answers at once when the session ends", async () => {
    const tenant = testTenant({ providers: { five9: { mode: "none", waitCapSeconds: 1 } } });
    const deployment = await fixture.start({ tenants: [tenant] });
    const session = await openSession(deployment, { provider: "five9" });
    const over = await get(deployment, session.sessionId, "?wait=50");
    expect(over.status).toBe(200);
    expect(over.headers["preference-applied"]).toBe("wait=1");
    expect(over.body.status).toBe("pending");
    expect((await get(deployment, session.sessionId, "?wait=x")).status).toBe(400);
    const other = await openSession(deployment);
    const waiting = get(deployment, other.sessionId, "?wait=30");
    await other.post("cancel");
    expect((await waiting).body).toMatchObject({ status: "canceled", terminal: true, expiresInSeconds: 0 });
  });
});
