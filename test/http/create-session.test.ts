import { describe, expect, test } from "vitest";
import { createdSession } from "../../server/http/openapi/answer-schemas.ts";
import { useGateways } from "../support/gateway.ts";
import { callerApi, newCallId, openSession, postSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";
import { eventsOf, expire, recordOf } from "../support/verified-call.ts";

const fixture = useGateways();
const isoWithMilliseconds = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe("POST /sessions", () => {
  test("[S1] a new call's session is 201 with exactly the fields of the protocol", async () => {
    const deployment = await fixture.start();
    const callId = newCallId();
    const before = Date.now();
    const answer = await postSession(deployment, {
      provider: "twilio",
      callId,
      dnis: "+18005551234",
      ani: "+14155550000",
      locale: "en-US",
      metadata: { crmCaseId: "CASE-9911" },
      reissue: false,
      stirVerstat: "TN-Validation-Passed-A",
    });
    expect(answer.status).toBe(201);
    expect(answer.headers["content-type"]).toMatch(/^application\/json/);
    expect(createdSession.parse(answer.body)).toEqual({
      sessionId: expect.stringMatching(/^csn_[A-Za-z0-9_-]{22}_1$/),
      callId,
      provider: "twilio",
      status: "pending",
      generation: 1,
      did: expect.stringMatching(/^\d{6}$/),
      ttlSeconds: 60,
      expiresAt: expect.stringMatching(isoWithMilliseconds),
      maxRetries: 3,
      prompts: {
        speak: `Your verification code is ${[...answer.body.did].join(" ")}.`,
        loop: "Open the app and enter the code. Press 1 when done, or 0 to cancel.",
      },
    });
    const lifetimeMs = Date.parse(answer.body.expiresAt) - before;
    expect(lifetimeMs).toBeGreaterThanOrEqual(59_990);
    expect(lifetimeMs).toBeLessThan(65_000);
    const record = await recordOf(deployment.core, answer.body.sessionId);
    expect(record).toMatchObject({ stirVerstat: "TN-Validation-Passed-A", ani: "+14155550000", dnis: "+18005551234" });
  });

  test("[S2] a call that has a pending session gets the same one with 200", async () => {
    const deployment = await fixture.start({ gateways: 2 });
    const first = await openSession(deployment);
    for (const gateway of deployment.gateways) {
      const again = await postSession(deployment, { callId: first.callId }, { gateway });
      expect(again.status).toBe(200);
      expect(again.body).toEqual(first.created.body);
    }
    expect((await eventsOf(deployment.core, first.sessionId)).map((event) => event["type"])).toEqual([
      "session_created",
      "did_issued",
    ]);
  });

  test("[S3] a session belongs to tenant, provider and call id: another of any is another session", async () => {
    const [acme, globex] = [testTenant(), testTenant({ id: "globex", name: "Globex" })];
    const deployment = await fixture.start({ tenants: [acme, globex] });
    const callId = newCallId();
    const ids = new Set<string>();
    for (const [key, provider, id] of [
      [acme.keys.sessions, "generic", callId],
      [acme.keys.sessions, "genesys", callId],
      [acme.keys.sessions, "generic", `${callId}x`],
      [globex.keys.sessions, "generic", callId],
    ] as const) {
      const answer = await postSession(deployment, { provider, callId: id }, { key });
      expect(answer.status).toBe(201);
      ids.add(answer.body.sessionId);
    }
    expect(ids.size).toBe(4);
  });

  test("[S4] fifty racing creates for one call on two gateways are one 201, one session and one DID", async () => {
    const deployment = await fixture.start({ gateways: 2 });
    const callId = newCallId();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        postSession(deployment, { callId, ani: "+14155550000" }, { gateway: deployment.gateways[index % 2]! }),
      ),
    );
    const count = (status: number) => answers.filter((answer) => answer.status === status).length;
    expect({ created: count(201), existing: count(200) }).toEqual({ created: 1, existing: 49 });
    for (const name of ["sessionId", "did", "expiresAt"] as const) {
      expect(new Set(answers.map((answer) => answer.body[name])).size, name).toBe(1);
    }
    const { sessionId } = answers[0]!.body;
    const created = (await eventsOf(deployment.core, sessionId)).filter((event) => event["type"] === "session_created");
    expect(created).toHaveLength(1);
    expect(await fixture.core.admin.keys(`${deployment.prefix}:{did:acme}:code:*`)).toHaveLength(1);
  });

  test.each([
    ["canceled", (session: Awaited<ReturnType<typeof openSession>>) => session.post("cancel")],
    ["timeout", (session: Awaited<ReturnType<typeof openSession>>) => session.post("loop", { index: 4 })],
  ])("[S5] a call whose session is %s gets that one with 200, without did and prompts", async (status, end) => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    await end(session);
    const again = await postSession(deployment, { callId: session.callId });
    expect(again.status).toBe(200);
    const { did: _did, prompts: _prompts, ...left } = session.created.body;
    expect(again.body).toEqual({ ...left, status });
    expect(again.text).not.toContain(session.did);
  });

  test.each([
    ["en-US", "Your verification code is "],
    ["fr", "Votre code de vérification est le "],
    ["de-AT", "Ihr Bestätigungscode lautet "],
    ["es-MX", "Su código de verificación es "],
    ["ja-JP-u-ca-japanese", "認証コードは、"],
    ["tlh", "Il suo codice di verifica è "],
    ["en_US", "Il suo codice di verifica è "],
    ["", "Il suo codice di verifica è "],
    [undefined, "Il suo codice di verifica è "],
  ])("[S6] the locale %s is looked up, the tenant's default when it is absent or unknown", async (locale, spoken) => {
    const deployment = await fixture.start({ tenants: [testTenant({ defaultLocale: "it-IT" })] });
    const { created } = await openSession(deployment, locale === undefined ? {} : { locale });
    expect((created.body["prompts"] as { speak: string }).speak).toContain(spoken);
  });

  test("[S7] a provider that the tenant has not configured works, with nothing to intercept", async () => {
    const deployment = await fixture.start({ tenants: [testTenant({ providers: {} })] });
    for (const provider of ["twilio", "nice", "genesys", "five9", "generic", "agent"]) {
      const session = await openSession(deployment, { provider });
      expect((await session.get()).body["intercept"], provider).toEqual({ status: "none", attempts: 0 });
    }
  });

  test("[S8] metadata takes 16 values of 256 characters under names of 64, counted as characters", async () => {
    const deployment = await fixture.start();
    const metadata = Object.fromEntries(
      Array.from({ length: 15 }, (_, index) => [`${String(index).padStart(2, "0")}${"k".repeat(62)}`, "v".repeat(256)]),
    );
    metadata["😀".repeat(64)] = "😀".repeat(256);
    const session = await openSession(deployment, { metadata });
    const record = await recordOf(deployment.core, session.sessionId);
    expect(JSON.parse(record["metadata"] ?? "")).toEqual(metadata);
  });

  test("[S9] codes follow the tenant's policy: length, check digit, lifetime and repeats", async () => {
    const policy = { didDigits: 8, didCheckDigit: true, ttlSeconds: 90, maxRetries: 5 };
    const deployment = await fixture.start({ tenants: [testTenant({ policy })] });
    const { created, did } = await openSession(deployment);
    expect(created.body).toMatchObject({ ttlSeconds: 90, maxRetries: 5 });
    expect(did).toMatch(/^\d{8}$/);
  });
});

describe("reissue", () => {
  const one = testTenant();

  test("[S10] a timed-out call gets a new generation once by default, then reissue_exhausted", async () => {
    const deployment = await fixture.start({ tenants: [one] });
    const session = await openSession(deployment);
    const early = await postSession(deployment, { callId: session.callId, reissue: true });
    expect({ status: early.status, body: early.body }).toEqual({ status: 200, body: session.created.body });

    await expire(deployment.core, session.sessionId);
    const second = await postSession(deployment, { callId: session.callId, reissue: true });
    expect(second.status).toBe(201);
    expect(second.body).toMatchObject({ generation: 2, status: "pending", callId: session.callId });
    expect(second.body.sessionId).toBe(session.sessionId.replace(/_1$/, "_2"));
    expect(second.body.did).not.toBe(session.did);
    expect((await session.get()).body.status).toBe("timeout");

    await expire(deployment.core, second.body.sessionId);
    const third = await postSession(deployment, { callId: session.callId, reissue: true });
    expect({ status: third.status, code: third.body.code }).toEqual({ status: 409, code: "reissue_exhausted" });
    const plain = await postSession(deployment, { callId: session.callId });
    expect(plain.body).toMatchObject({ generation: 2, status: "timeout" });
  });

  test("[S11] without reissue a timed-out call keeps its session", async () => {
    const deployment = await fixture.start({ tenants: [one] });
    const session = await openSession(deployment);
    await expire(deployment.core, session.sessionId);
    const again = await postSession(deployment, { callId: session.callId, reissue: false });
    expect(again.status).toBe(200);
    expect(again.body).toMatchObject({ sessionId: session.sessionId, status: "timeout" });
    expect(again.body).not.toHaveProperty("did");
  });

  test("[S12] any other end is session_terminal on reissue", async () => {
    const deployment = await fixture.start({ tenants: [one] });
    const session = await openSession(deployment);
    await session.post("cancel");
    const again = await postSession(deployment, { callId: session.callId, reissue: true });
    expect({ status: again.status, code: again.body.code }).toEqual({ status: 409, code: "session_terminal" });
  });

  test("[S13] racing reissues are one new generation", async () => {
    const deployment = await fixture.start({ gateways: 2, tenants: [one] });
    const session = await openSession(deployment);
    await expire(deployment.core, session.sessionId);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        postSession(
          deployment,
          { callId: session.callId, reissue: true },
          { gateway: deployment.gateways[index % 2]! },
        ),
      ),
    );
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(19);
    expect(new Set(answers.map((answer) => answer.body.did)).size).toBe(1);
    const latest = await send(deployment.gateway, `GET ${callerApi}/calls/generic/${session.callId}`, {
      key: deployment.keys.sessions,
    });
    expect(latest.body.generation).toBe(2);
  });
});
