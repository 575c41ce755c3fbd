import type { ServerResponse } from "node:http";
import { Webhook } from "standardwebhooks";
import { describe, expect, onTestFinished, test } from "vitest";
import { claimedSession, eventsOf, newSession } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";
import { answerWith, startTarget } from "./delivery/start-target.ts";
import { startPlatform } from "./live-call.ts";
import { useWorkers } from "./worker-fixture.ts";

const fixture = useWorkers();
const secret = `whsec_${Buffer.from("a-secret-of-at-least-24-bytes").toString("base64")}`;

describe("a worker that is killed in the middle of an attempt", () => {
  test("[W37] leaves the call to another one, which looks it up and moves it", async () => {
    const platform = await startPlatform();
    const deployment = await fixture.deploy({ twilio: platform.twilio });
    const call = await platform.call();
    const session = await deployment.confirm(call.session);
    const held = platform.cloud.faults.add({ target: "call_update", callSid: call.sid, kind: "slow", delayMs: 60_000 });
    const first = await deployment.spawnWorker();
    deployment.jobs.addIntercept(session.sessionId, "corr-kill");
    await waitFor("the attempt is under way", () => held.injected === 1);
    // In this process, where one is there at once: the first attempt must not time out before the kill.
    await deployment.startWorker();
    const killedAt = performance.now();
    expect((await first.end("SIGKILL")).code).toBe(null);
    const moved = await deployment.settled(session.sessionId, 15_000);
    const afterMs = Math.round(performance.now() - killedAt);
    console.info(`a worker was killed in its attempt, and another one moved the call ${afterMs} ms later`);
    expect(held.injected).toBe(1);
    expect(moved.intercept).toEqual({ status: "succeeded", attempts: 2 });
    expect(platform.updates(call.sid)).toBe(1);
    expect(afterMs).toBeLessThan(10_000);
    const attempted = () => deployment.logs.filter(({ event }) => event === "intercept.attempted");
    await waitFor("the attempt is logged", () => attempted().length > 0);
    expect(attempted()).toMatchObject([{ outcome: "redirected", before: "after_unknown", correlationId: "corr-kill" }]);
  });

  test("[W54] that was granted leaves the call to another one likewise", async () => {
    const platform = await startPlatform();
    const deployment = await fixture.deploy({ twilio: platform.twilio });
    const call = await platform.call();
    const held = platform.cloud.faults.add({ target: "call_update", callSid: call.sid, kind: "slow", delayMs: 60_000 });
    const first = await deployment.spawnWorker();
    const { session, grant } = await deployment.confirmGranting(call.session);
    deployment.jobs.addIntercept(session.sessionId, "corr-kill", grant);
    await waitFor("the attempt is under way", () => held.injected === 1);
    await deployment.startWorker();
    expect((await first.end("SIGKILL")).code).toBe(null);
    const moved = await deployment.settled(session.sessionId, 15_000);
    expect(moved.intercept).toEqual({ status: "succeeded", attempts: 2 });
    expect(platform.updates(call.sid)).toBe(1);
    const attempted = () => deployment.logs.filter(({ event }) => event === "intercept.attempted");
    await waitFor("the attempt is logged", () => attempted().length > 0);
    expect(attempted()).toMatchObject([{ outcome: "redirected", before: "after_unknown", attempt: 2 }]);
  });

  test("[W37] again and again: the call outlives three killed workers", async () => {
    let holding: ServerResponse[] = [];
    let kills = 0;
    const target = await startTarget((response) => {
      if (kills < 3) holding = [...holding, response];
      else response.writeHead(204).end();
    });
    onTestFinished(target.close);
    const deployment = await fixture.deploy({ generic: { mode: "webhook", url: target.url, secrets: [secret] } });
    const session = await deployment.confirm({ mode: "webhook" });
    deployment.jobs.addIntercept(session.sessionId, "corr-kill");
    let worker = await deployment.spawnWorker();
    for (; kills < 3; kills++) {
      await waitFor("an attempt is held", () => holding.length > kills, { withinMs: 10_000 });
      if (kills === 2) break;
      const next = deployment.spawnWorker();
      await worker.end("SIGKILL");
      worker = await next;
    }
    kills = 3;
    const last = await deployment.spawnWorker();
    await worker.end("SIGKILL");
    const moved = await deployment.settled(session.sessionId, 15_000);
    expect(moved.intercept).toEqual({ status: "succeeded", attempts: 4 });
    expect(new Set(target.requests.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect((await last.end("SIGTERM")).code).toBe(0);
  }, 60_000);
});

describe("SIGTERM", () => {
  test("[W42] finishes the attempt under way and ends with exit code 0", async () => {
    let answer: (() => void) | undefined;
    const target = await startTarget((response) => {
      answer = () => void response.writeHead(204).end();
    });
    onTestFinished(target.close);
    const deployment = await fixture.deploy({ generic: { mode: "webhook", url: target.url, secrets: [secret] } });
    const session = await deployment.confirm({ mode: "webhook" });
    const worker = await deployment.spawnWorker();
    deployment.jobs.addIntercept(session.sessionId, "corr-term");
    await target.received(1);
    const ended = worker.end("SIGTERM");
    const draining = async () => (await fetch(`${worker.url}/readyz`)).status === 503;
    await waitFor("it is not ready any more, and says so", draining);
    // A job that is added now is somebody else's.
    const later = await deployment.confirm({ mode: "webhook" });
    deployment.jobs.addIntercept(later.sessionId, "corr-later");
    answer!();
    const { code, afterMs } = await ended;
    expect(code).toBe(0);
    expect(afterMs).toBeLessThan(10_000);
    expect((await deployment.settled(session.sessionId)).intercept).toEqual({ status: "succeeded", attempts: 1 });
    expect(target.requests).toHaveLength(1);
    expect(await deployment.core.sessions.read(later.sessionId, "acme")).toMatchObject({
      intercept: { status: "pending", attempts: 0 },
    });
  });

  test("[W42] gives an attempt back that nobody answers, within ten seconds", async () => {
    const target = await startTarget(() => undefined);
    onTestFinished(target.close);
    const deployment = await fixture.deploy({ generic: { mode: "webhook", url: target.url, secrets: [secret] } });
    const session = await deployment.confirm({ mode: "webhook" });
    const worker = await deployment.spawnWorker();
    deployment.jobs.addIntercept(session.sessionId, "corr-term");
    await target.received(1);
    const { code, afterMs } = await worker.end("SIGTERM");
    expect(code).toBe(0);
    expect(afterMs).toBeLessThan(10_000);
    target.answer = answerWith(204);
    await deployment.startWorker();
    expect((await deployment.settled(session.sessionId)).intercept).toEqual({ status: "succeeded", attempts: 2 });
  });

  test("[W42] an idle worker ends at once", async () => {
    const deployment = await fixture.deploy({});
    const worker = await deployment.spawnWorker();
    const { code, afterMs } = await worker.end("SIGTERM");
    expect(code).toBe(0);
    expect(afterMs).toBeLessThan(2000);
  });

  test("[W42] a worker that cannot start says why, without a stack, and ends with 1", async () => {
    const deployment = await fixture.deploy({});
    const environment = { CALLSEAL_PARTITION: "8" };
    await expect(deployment.spawnWorker({ environment })).rejects.toThrow(
      /CALLSEAL_PARTITION: is not a setting of Callseal/,
    );
  });
});

describe.each([
  ["five and a half minutes ahead", 330_000],
  ["five and a half minutes behind", -330_000],
])("a worker whose clock is %s", (_what, clockOffsetMs) => {
  test("[W41] moves calls through faults within their time, and signs with the right one", async () => {
    let requests = 0;
    const target = await startTarget((response) => {
      requests += 1;
      response.writeHead(requests % 3 === 0 ? 204 : 503).end();
    });
    onTestFinished(target.close);
    const deployment = await fixture.deploy({ generic: { mode: "webhook", url: target.url, secrets: [secret] } });
    const worker = await deployment.spawnWorker({ clockOffsetMs });
    const session = await deployment.confirm({ mode: "webhook" });
    deployment.jobs.addIntercept(session.sessionId, "corr-skew");
    const moved = await deployment.settled(session.sessionId);
    expect(moved.intercept).toEqual({ status: "succeeded", attempts: 3 });
    // A receiver refuses what is five minutes old or more: the published verifier says that it is not.
    for (const { body, headers } of target.requests) {
      expect(() => new Webhook(secret).verify(body, headers as Record<string, string>)).not.toThrow();
    }
    const [event] = await deployment.interceptEvents(session.sessionId);
    expect(event!.data["durationMs"]).toBeLessThan(8000);
    const [line] = worker.lines as { time: string }[];
    expect(Math.abs(Date.parse(line!.time) - Date.now() - clockOffsetMs)).toBeLessThan(60_000);
  });

  test("[W41] records timeouts when they are due by Redis, and none before, beside a worker whose clock is right", async () => {
    const deployment = await fixture.deploy({});
    await deployment.spawnWorker({ clockOffsetMs });
    await deployment.startWorker();
    const { session } = await deployment.core.sessions.create(newSession({ ttlSeconds: 2 }));
    deployment.jobs.addTimeout(session.sessionId, 2020);
    const { session: second, proof } = await claimedSession(deployment.core, { ttlSeconds: 2, mode: "none" });
    deployment.jobs.addTimeout(second.sessionId, 2020);
    await deployment.jobs.settle();
    const timeout = async () =>
      (await eventsOf(deployment.core, session.sessionId)).find(({ type }) => type === "timeout");
    expect((await deployment.core.sessions.decide(proof)).outcome).toBe("confirmed");
    const event = await waitFor("the timeout is recorded", timeout, { withinMs: 10_000 });
    const lateMs = Number(event["time"]) - session.expiresAtMs;
    console.info(`a timeout beside a clock that is wrong by ${clockOffsetMs / 1000} s: ${lateMs} ms late`);
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThan(5000);
    expect((await deployment.core.sessions.read(second.sessionId, "acme"))?.status).toBe("confirmed");
  });

  test("[W41] a retry that it planned is taken by another worker when it dies", async () => {
    const target = await startTarget(answerWith(503));
    onTestFinished(target.close);
    const deployment = await fixture.deploy({ generic: { mode: "webhook", url: target.url, secrets: [secret] } });
    const worker = await deployment.spawnWorker({ clockOffsetMs });
    const session = await deployment.confirm({ mode: "webhook" });
    deployment.jobs.addIntercept(session.sessionId, "corr-skew");
    await waitFor("it has planned a retry", () => worker.lines.some(({ result }) => result === "retryable"));
    await worker.end("SIGKILL");
    target.answer = answerWith(204);
    await deployment.startWorker();
    expect((await deployment.settled(session.sessionId)).intercept.status).toBe("succeeded");
  });
});

describe("what a worker logs", () => {
  test("[W49] names no receipt, secret, API key, code or number", async () => {
    const target = await startTarget(answerWith(503));
    onTestFinished(target.close);
    const deployment = await fixture.deploy({ generic: { mode: "webhook", url: target.url, secrets: [secret] } });
    const did = "604137";
    const session = await deployment.confirm({ mode: "webhook", did, ani: "+14155550123" });
    const worker = await deployment.spawnWorker({ environment: { LOG_LEVEL: "trace" } });
    deployment.jobs.addIntercept(session.sessionId, "corr-log");
    await target.received(2);
    target.answer = answerWith(204);
    await deployment.settled(session.sessionId);
    await worker.end("SIGTERM");
    const text = JSON.stringify(worker.lines);
    expect(text).toContain("intercept.attempted");
    const receipt = JSON.parse(target.requests[0]!.body).data.receipt as string;
    for (const attacker of [did, "+14155550123", "4155550123", receipt, secret, "whsec_", "cs_test_"]) {
      expect(text).not.toContain(attacker);
    }
    // A token begins so, and has dots; an id may begin so by chance.
    expect(text).not.toMatch(/eyJ[\w-]*\./);
  });
});
