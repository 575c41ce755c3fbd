import { compactVerify, decodeJwt, importJWK } from "jose";
import { describe, expect, onTestFinished, test } from "vitest";
import { createReceiptIssuer } from "../../core/keys/issue-receipt.ts";
import { createSigner } from "../../core/keys/signer.ts";
import { sessionKeys } from "../../core/redis/keys.ts";
import type { FaultRequest } from "../../sandbox/faults/fault-plan.ts";
import { isEntry } from "../../sandbox/ledger/ledger-entry.ts";
import { waitFor } from "../support/wait-for.ts";
import { answerWith, startTarget } from "./delivery/start-target.ts";
import { startPlatform } from "./live-call.ts";
import { type Deployment, useWorkers } from "./worker-fixture.ts";

const fixture = useWorkers();
const secret = `whsec_${Buffer.from("a-secret-of-at-least-24-bytes").toString("base64")}`;

/** A tenant on the voice cloud with one caller on the line, whose session has been confirmed. */
async function confirmedCall() {
  const platform = await startPlatform();
  const deployment = await fixture.deploy({ twilio: platform.twilio });
  const call = await platform.call();
  const session = await deployment.confirm(call.session);
  const enqueue = () => deployment.jobs.addIntercept(session.sessionId, "corr-intercept");
  return { ...platform, ...deployment, deployment, callSid: call.sid, hangUp: call.hangUp, session, enqueue };
}

/** The same with the grant of its own job. */
async function grantedCall() {
  const platform = await startPlatform();
  const deployment = await fixture.deploy({ twilio: platform.twilio });
  const call = await platform.call();
  return { ...platform, deployment, callSid: call.sid, ...(await deployment.confirmGranting(call.session)) };
}

const recordKey = ({ core }: Deployment, { sessionId }: { sessionId: string }) =>
  sessionKeys(core.keyspace, sessionId).session;

function attemptsOf({ logs }: Deployment, atLeast: number): Record<string, unknown>[] | undefined {
  const attempts = logs.filter(({ event }) => event === "intercept.attempted");
  return attempts.length >= atLeast ? attempts : undefined;
}

describe("a confirmed call", () => {
  test("[W30] is moved once, though its job is added ten times and two workers run", async () => {
    const { deployment, cloud, session, callSid, enqueue, jobs, updates, fetches, interceptEvents, settled } =
      await confirmedCall();
    await Promise.all([deployment.startWorker(), deployment.startWorker()]);
    for (let index = 0; index < 10; index++) enqueue();
    const moved = await settled(session.sessionId);
    await cloud.waitFor(isEntry("call.updated", callSid));
    await waitFor("the success page is fetched", () => fetches(session.sessionId) > 0);
    await jobs.settle();
    // Once more, when all is over.
    enqueue();
    await jobs.settle();
    expect(moved.intercept).toEqual({ status: "succeeded", attempts: 1 });
    expect(updates(callSid)).toBe(1);
    expect(fetches(session.sessionId)).toBe(1);
    expect(await interceptEvents(session.sessionId)).toEqual([
      {
        type: "intercept_success",
        correlationId: "corr-intercept",
        data: { outcome: "redirected", attempts: 1, durationMs: expect.any(Number) },
      },
    ]);
  });

  test("[W30] forty calls on two workers are moved once each", async () => {
    const platform = await startPlatform();
    const deployment = await fixture.deploy({ twilio: platform.twilio });
    // Calls, cloud and workers share one busy process here: no attempt is to time out for that reason alone.
    const patient = { http: { attemptTimeoutMs: 15_000 }, leaseMs: 16_000, lockDurationMs: 16_000 };
    await Promise.all([deployment.startWorker(patient), deployment.startWorker(patient)]);
    const calls = await Promise.all(Array.from({ length: 40 }, () => platform.call()));
    const sessions = await Promise.all(
      calls.map(async (call) => {
        const session = await deployment.confirm(call.session);
        deployment.jobs.addIntercept(session.sessionId, "corr-many");
        return session;
      }),
    );
    for (const { sessionId } of sessions) {
      expect((await deployment.settled(sessionId)).intercept).toEqual({ status: "succeeded", attempts: 1 });
    }
    const attempts = deployment.logs.filter(({ event }) => event === "intercept.attempted");
    expect(attempts.filter(({ outcome, attempt }) => outcome !== "redirected" || attempt !== 1)).toEqual([]);
    expect(calls.map(({ sid }) => platform.updates(sid))).toEqual(calls.map(() => 1));
  });

  test("[W54] is moved by the first run of its own job at once, which asks nobody", async () => {
    const target = await startTarget(answerWith(200));
    onTestFinished(target.close);
    const deployment = await fixture.deploy({ generic: { mode: "webhook", url: target.url, secrets: [secret] } });
    const { session, grant } = await deployment.confirmGranting({ mode: "webhook" });
    // Whoever asked would hear that there is nothing to do.
    await deployment.core.redis.hset(recordKey(deployment, session), "intercept", "succeeded");
    await deployment.startWorker({ grantMs: 60_000 });
    deployment.jobs.addIntercept(session.sessionId, "corr-granted", grant);
    await waitFor("the webhook is there", () => target.requests.length === 1);
    expect(JSON.parse(target.requests[0]!.body)).toMatchObject({
      data: { sessionId: session.sessionId, callId: session.callId, receipt: expect.stringMatching(/^eyJ/) },
    });
  });

  test.each([
    ["in time", {}],
    ["late", { grantMs: -1 }],
  ] as const)("[W54] is one attempt when the run that it was granted to comes %s", async (_when, tuning) => {
    const { deployment, session, grant, callSid, updates } = await grantedCall();
    await deployment.startWorker(tuning);
    deployment.jobs.addIntercept(session.sessionId, "corr-granted", grant);
    expect((await deployment.settled(session.sessionId)).intercept).toEqual({ status: "succeeded", attempts: 1 });
    expect(updates(callSid)).toBe(1);
    const [logged] = await waitFor("it is logged", () => attemptsOf(deployment, 1));
    expect(logged).toMatchObject({ before: "first", attempt: 1, result: "succeeded", recorded: "recorded" });
  });

  test("[W54] is tried again by a claim, when the granted attempt came to nothing", async () => {
    const answers = [503, 204];
    const target = await startTarget((response) => response.writeHead(answers.shift() ?? 204).end());
    onTestFinished(target.close);
    const deployment = await fixture.deploy({ generic: { mode: "webhook", url: target.url, secrets: [secret] } });
    const { session, grant } = await deployment.confirmGranting({ mode: "webhook" });
    await deployment.startWorker();
    deployment.jobs.addIntercept(session.sessionId, "corr-granted", grant);
    expect((await deployment.settled(session.sessionId)).intercept).toEqual({ status: "succeeded", attempts: 2 });
    expect(await waitFor("both are logged", () => attemptsOf(deployment, 2))).toMatchObject([
      { before: "first", attempt: 1, outcome: "retryable" },
      { before: "after_retryable", attempt: 2, outcome: "redirected" },
    ]);
  });

  test("[W54] is not moved by its own job when another took the place of that first", async () => {
    const { deployment, session, grant, callSid, updates } = await grantedCall();
    await deployment.jobs.restoreIntercept(session.sessionId, "corr-restored");
    deployment.jobs.addIntercept(session.sessionId, "corr-late", grant);
    await deployment.jobs.settle();
    await deployment.startWorker();
    expect((await deployment.settled(session.sessionId)).intercept).toEqual({ status: "succeeded", attempts: 1 });
    expect(updates(callSid)).toBe(1);
    const [logged] = await waitFor("it is logged", () => attemptsOf(deployment, 1));
    expect(logged).toMatchObject({ before: "after_unknown", correlationId: "corr-restored" });
  });

  test("[W47] the correlation id of the confirmation reaches the provider and the log", async () => {
    const target = await startTarget(answerWith(200));
    onTestFinished(target.close);
    const deployment = await fixture.deploy({ generic: { mode: "webhook", url: target.url, secrets: [secret] } });
    const session = await deployment.confirm({ mode: "webhook" });
    await deployment.startWorker();
    deployment.jobs.addIntercept(session.sessionId, "corr-of-the-proof");
    await deployment.settled(session.sessionId);
    expect(target.requests.map(({ headers }) => headers["x-correlation-id"])).toEqual(["corr-of-the-proof"]);
    const attempted = () => deployment.logs.find(({ event }) => event === "intercept.attempted");
    expect(await waitFor("the attempt is logged", attempted)).toMatchObject({
      sessionId: session.sessionId,
      correlationId: "corr-of-the-proof",
      outcome: "redirected",
      result: "succeeded",
      attempt: 1,
    });
  });
});

describe("faults of the provider", () => {
  test.each([
    ["an answer of 500", { kind: "500" }, 2],
    ["an answer of 429", { kind: "429" }, 2],
    ["an answer of 429 that says when", { kind: "429", retryAfterSeconds: 1 }, 2],
    ["an answer later than the time-out", { kind: "slow", delayMs: 2500 }, 2],
    ["a connection that breaks before anything was done", { kind: "reset" }, 2],
    ["success that is answered too late", { kind: "lateSuccess", delayMs: 2500 }, 2],
    ["success whose answer is lost", { kind: "resetAfterEffect" }, 2],
    ["three answers of 500", { kind: "500", times: 3 }, 4],
  ] as const)("[W31] %s: the call moves all the same", async (_what, fault, attempts) => {
    const { deployment, cloud, session, callSid, enqueue, fetches, settled } = await confirmedCall();
    const injected = cloud.faults.add({ target: "call_update", callSid, ...fault } satisfies FaultRequest);
    await deployment.startWorker();
    enqueue();
    const moved = await settled(session.sessionId, 15_000);
    expect(injected.injected).toBe("times" in fault ? fault.times : 1);
    expect(moved.intercept).toEqual({ status: "succeeded", attempts });
    await waitFor("the success page is fetched", () => fetches(session.sessionId) > 0);
  });

  test("[W31] after 429 nothing is sent before the time that the provider said", async () => {
    const { deployment, cloud, callSid, session, enqueue, settled } = await confirmedCall();
    cloud.faults.add({ target: "call_update", callSid, kind: "429", retryAfterSeconds: 1 });
    await deployment.startWorker();
    enqueue();
    const refused = await cloud.waitFor(isEntry("fault.injected", callSid));
    const updated = await cloud.waitFor(isEntry("call.updated", callSid));
    expect(updated.monotonicMs - refused.monotonicMs).toBeGreaterThanOrEqual(1000);
    expect((await settled(session.sessionId)).intercept.status).toBe("succeeded");
  });

  test("[W31] a worker and a gateway that are both late meet in one success", async () => {
    const { core, deployment, cloud, session, callSid, enqueue, interceptEvents } = await confirmedCall();
    const injected = cloud.faults.add({ target: "call_update", callSid, kind: "lateSuccess", delayMs: 2500 });
    await deployment.startWorker();
    enqueue();
    await cloud.waitFor(isEntry("call.updated", callSid));
    // The gateway's success page says so, while the worker still waits for its answer.
    const seen = { token: "", result: "succeeded", correlationId: "corr-page", event: {} } as const;
    expect((await core.sessions.completeIntercept(session.sessionId, seen)).outcome).toBe("recorded");
    const attempted = () => deployment.logs.find(({ event }) => event === "intercept.attempted");
    expect(await waitFor("the attempt is over", attempted)).toMatchObject({ outcome: "unknown", recorded: "settled" });
    expect(injected.injected).toBe(1);
    expect((await interceptEvents(session.sessionId)).map(({ type }) => type)).toEqual(["intercept_success"]);
  });
});

describe("a call that cannot be moved", () => {
  test("[W33] is skipped when the provider says that it is over", async () => {
    const { deployment, session, enqueue, hangUp, settled, interceptEvents } = await confirmedCall();
    await hangUp();
    await deployment.startWorker();
    enqueue();
    expect((await settled(session.sessionId)).intercept).toEqual({ status: "skipped", attempts: 1 });
    expect(await interceptEvents(session.sessionId)).toMatchObject([
      { type: "intercept_failed", data: { outcome: "call_ended", detail: "twilio_21220", attempts: 1 } },
    ]);
  });

  test("[W33] is skipped without a request when the hang-up is known", async () => {
    const { core, cloud, deployment, session, enqueue, settled, interceptEvents } = await confirmedCall();
    await core.sessions.endCall(session.sessionId, { tenant: "acme", correlationId: "corr-end", event: {} });
    await deployment.startWorker();
    enqueue();
    expect((await settled(session.sessionId)).intercept.status).toBe("skipped");
    expect(await interceptEvents(session.sessionId)).toMatchObject([
      { type: "intercept_failed", data: { outcome: "call_ended", detail: "hung_up" } },
    ]);
    expect(cloud.ledger.entries.filter(({ type }) => type === "rest.answered")).toEqual([]);
  });

  test("[W32] after an unknown outcome the call is looked up, and an ended one is not called again", async () => {
    const { deployment, cloud, session, callSid, enqueue, hangUp, settled, interceptEvents } = await confirmedCall();
    const injected = cloud.faults.add({ target: "call_update", callSid, kind: "500" });
    const stop = cloud.onEntry((entry) => void (entry.type === "fault.injected" && hangUp()));
    onTestFinished(() => stop());
    await deployment.startWorker();
    enqueue();
    expect((await settled(session.sessionId)).intercept).toEqual({ status: "skipped", attempts: 2 });
    expect(injected.injected).toBe(1);
    expect(await interceptEvents(session.sessionId)).toMatchObject([
      { data: { outcome: "call_ended", detail: "looked_up", attempts: 2 } },
    ]);
    const requests = cloud.ledger.entries.filter(isEntry("rest.answered"));
    expect(requests.map(({ method }) => method)).toEqual(["POST", "GET"]);
  });

  test("[W36] what the provider rejects fails at once, with an event", async () => {
    const platform = await startPlatform();
    const twilio = { ...platform.twilio, authTokens: ["a-wrong-token"] };
    const deployment = await fixture.deploy({ twilio });
    const call = await platform.call();
    const session = await deployment.confirm(call.session);
    await deployment.startWorker();
    deployment.jobs.addIntercept(session.sessionId, "corr-0001");
    expect((await deployment.settled(session.sessionId)).intercept).toEqual({ status: "failed", attempts: 1 });
    expect(await deployment.interceptEvents(session.sessionId)).toMatchObject([
      { type: "intercept_failed", data: { outcome: "rejected", detail: "twilio_20003" } },
    ]);
  });

  test("[W36] a provider that is no longer configured fails at once, with an event", async () => {
    const deployment = await fixture.deploy({});
    const session = await deployment.confirm({ provider: "nice" });
    await deployment.startWorker();
    deployment.jobs.addIntercept(session.sessionId, "corr-0001");
    expect((await deployment.settled(session.sessionId)).intercept.status).toBe("failed");
    expect(await deployment.interceptEvents(session.sessionId)).toMatchObject([{ data: { detail: "not_configured" } }]);
  });

  test("[W35] is given up at the end of its window, with an event and no attempt after it", async () => {
    const { deployment, cloud, session, callSid, enqueue, settled, interceptEvents, core } = await confirmedCall();
    const injected = cloud.faults.add({ target: "call_update", callSid, kind: "500", times: 1000 });
    await deployment.startWorker({}, { CALLSEAL_INTERCEPT_WINDOW_SECONDS: "5" });
    enqueue();
    const failed = await settled(session.sessionId);
    expect(failed.intercept.status).toBe("failed");
    const [event] = await interceptEvents(session.sessionId);
    expect(event!.type).toBe("intercept_failed");
    // A last attempt that its worker began too late is counted, and calls nobody.
    const tooLate = event!.data["detail"] === "too_late";
    if (!tooLate) expect(event!.data).toMatchObject({ outcome: "unknown", detail: "twilio_20500" });
    expect(failed.intercept.attempts).toBe(injected.injected + (tooLate ? 1 : 0));
    expect(injected.injected).toBeGreaterThanOrEqual(2);
    expect(await core.redis.keys(`${core.keyspace.prefix}:*:owed`)).toEqual([]);
  });

  test("[W35] a job that comes after the window calls nobody", async () => {
    const { deployment, cloud, core, session, enqueue, settled, interceptEvents } = await confirmedCall();
    await deployment.startWorker({ interceptWindowMs: 0 });
    enqueue();
    expect((await settled(session.sessionId)).intercept.status).toBe("failed");
    expect(await interceptEvents(session.sessionId)).toMatchObject([{ data: { detail: "too_late" } }]);
    expect(cloud.ledger.entries.filter(({ type }) => type === "rest.answered")).toEqual([]);
    expect(await core.redis.keys(`${core.keyspace.prefix}:*:owed`)).toEqual([]);
  });
});

describe("webhook mode", () => {
  test("[W43] every retry has the same id and body, signed anew, and its receipt has the gateway's claims", async () => {
    let answers = 0;
    const target = await startTarget((response) => {
      answers += 1;
      response.writeHead(answers === 1 ? 503 : 204).end();
    });
    onTestFinished(target.close);
    const deployment = await fixture.deploy({ genesys: { mode: "webhook", url: target.url, secrets: [secret] } });
    const session = await deployment.confirm({
      provider: "genesys",
      mode: "webhook",
      metadata: { crmCaseId: "CASE-9911" },
      origin: "https://gateway-7.test",
    });
    await deployment.startWorker();
    deployment.jobs.addIntercept(session.sessionId, "corr-0001");
    expect((await deployment.settled(session.sessionId)).intercept).toEqual({ status: "succeeded", attempts: 2 });
    expect(target.requests).toHaveLength(2);
    const [first, second] = target.requests.map(({ headers }) => headers["webhook-id"]);
    expect(first).toBe(second);
    expect(new Set(target.requests.map(({ body }) => body)).size).toBe(1);
    const { data } = JSON.parse(target.requests[0]!.body);
    expect(data).toMatchObject({
      sessionId: session.sessionId,
      callId: session.callId,
      status: "confirmed",
      metadata: { crmCaseId: "CASE-9911" },
    });
    await compactVerify(data.receipt, await importJWK(deployment.publicKey, "ES256"));
    const signer = await createSigner(deployment.environment["CALLSEAL_SIGNING_KEYS"]!);
    const gateway = createReceiptIssuer(signer, { issuer: "https://gateway-7.test" });
    expect(decodeJwt(data.receipt)).toEqual(decodeJwt(await gateway(session)));
  });

  test("[W43] a configured origin is the receipts' issuer and the success page's", async () => {
    const { ivr, deployment, session, enqueue, fetches } = await confirmedCall();
    await deployment.startWorker({}, { CALLSEAL_PUBLIC_URL: ivr.url.replace("127.0.0.1", "localhost") });
    enqueue();
    await waitFor("the success page is fetched", () => fetches(session.sessionId) > 0);
    const fetched = ivr.requests.find(({ path }) => path.startsWith("/ivr/verify/success"));
    expect(fetched?.headers.host).toMatch(/^localhost:/);
  });
});
