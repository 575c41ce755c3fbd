import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";
import { describe, expect, onTestFinished, test } from "vitest";
import { createGuardedDispatcher, type GuardedDispatcherOptions } from "../../../worker/delivery/guarded-dispatcher.ts";
import { postWebhook, type WebhookDelivery } from "../../../worker/delivery/post-webhook.ts";
import { freePort } from "../../support/free-port.ts";
import { answerWith, startTarget, type TargetOptions } from "./start-target.ts";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const key = readFileSync(new URL("fixtures/localhost-key.pem", import.meta.url), "utf8");
const cert = readFileSync(new URL("fixtures/localhost-cert.pem", import.meta.url), "utf8");

async function openTarget(status: number, headers: Record<string, string> = {}, options: TargetOptions = {}) {
  const target = await startTarget(answerWith(status, { ok: true }, headers), options);
  onTestFinished(target.close);
  return target;
}

function post(delivery: Partial<WebhookDelivery> & { url: string }, options: GuardedDispatcherOptions = {}) {
  const guarded = createGuardedDispatcher({ allowInsecureTargets: true, ca: cert, ...options });
  onTestFinished(guarded.close);
  const message = { secrets: [secret], id: "msg_1", body: '{"type":"x"}', correlationId: "corr-1234", timeoutMs: 2000 };
  return postWebhook(guarded, { ...message, ...delivery });
}

describe("a delivery", () => {
  test("[W22] carries the body as it was signed, the correlation id and a fresh timestamp", async () => {
    const target = await openTarget(204);
    const body = JSON.stringify({ type: "x", name: 'Zoë \u2028 "quoted"' });
    expect(await post({ url: `${target.url}/hook?tenant=1`, body })).toEqual({ outcome: "delivered" });
    const [received] = target.requests;
    expect(received).toMatchObject({ method: "POST", path: "/hook?tenant=1", body });
    expect(received?.headers).toMatchObject({
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
      "x-correlation-id": "corr-1234",
      "webhook-id": "msg_1",
    });
    const headers = received?.headers as Record<string, string>;
    expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
  });

  test("[W22] goes over https to a certificate that is trusted", async () => {
    const target = await openTarget(200, {}, { tls: { key, cert } });
    const url = `https://localhost:${target.port}/`;
    expect(
      await post({ url }, { lookup: (_name, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]) }),
    ).toEqual({
      outcome: "delivered",
    });
    expect(target.connections).toBe(1);
  });

  test("[W22] goes to no server whose certificate is for another name or from nobody known", async () => {
    const target = await openTarget(200, {}, { tls: { key, cert } });
    const toTarget: GuardedDispatcherOptions = {
      lookup: (_name, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]),
    };
    const notTrusted = { outcome: "retryable", detail: "not_trusted" };
    expect(await post({ url: `https://evil.example:${target.port}/` }, toTarget)).toEqual(notTrusted);
    const guarded = createGuardedDispatcher({ allowInsecureTargets: true, ...toTarget });
    onTestFinished(guarded.close);
    const delivery = { secrets: [secret], id: "msg_1", body: "{}", correlationId: "corr-1234", timeoutMs: 2000 };
    expect(await postWebhook(guarded, { ...delivery, url: `https://localhost:${target.port}/` })).toEqual(notTrusted);
    expect(target.requests).toEqual([]);
  });
});

describe("outcomes by status", () => {
  test.each([200, 201, 202, 204, 299])("[W24] %d is delivered", async (status) => {
    const target = await openTarget(status);
    expect(await post({ url: target.url })).toEqual({ outcome: "delivered" });
  });

  test.each([408, 425, 429, 500, 502, 503, 504, 599])("[W24] %d is retried", async (status) => {
    const target = await openTarget(status);
    expect(await post({ url: target.url })).toEqual({ outcome: "retryable", detail: `http_${status}` });
  });

  test.each([429, 503])("[W12] %d waits as long as Retry-After says", async (status) => {
    const target = await openTarget(status, { "retry-after": "3" });
    const retryable = { outcome: "retryable", detail: `http_${status}`, retryAfterMs: 3000 };
    expect(await post({ url: target.url })).toEqual(retryable);
  });

  test.each([300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 409, 410, 413, 418, 422, 451])(
    "[W24] %d is rejected, and a redirect is not followed",
    async (status) => {
      const elsewhere = await openTarget(200);
      const target = await openTarget(status, status < 400 ? { location: elsewhere.url } : {});
      expect(await post({ url: target.url })).toEqual({ outcome: "rejected", detail: `http_${status}` });
      expect(elsewhere.requests).toEqual([]);
    },
  );
});

describe("outcomes without an answer", () => {
  test("[W24] what ends without an answer is retried, because the receiver drops a repeat by its id", async () => {
    const target = await openTarget(200);
    target.answer = () => {};
    expect(await post({ url: target.url, timeoutMs: 50 })).toEqual({ outcome: "retryable", detail: "timed_out" });
    target.answer = (_response, _request, socket) => socket.resetAndDestroy();
    expect(await post({ url: target.url })).toEqual({ outcome: "retryable", detail: "connection_lost" });
    const refused = await post({ url: `http://127.0.0.1:${await freePort()}/` });
    expect(refused).toEqual({ outcome: "retryable", detail: "not_connected" });
    const aborted = await post({ url: target.url, signal: AbortSignal.abort() });
    expect(aborted).toEqual({ outcome: "retryable", detail: "aborted" });
  });
});

describe("targets that are refused", () => {
  const attackers = [
    ["plain http", "http://hooks.acme.example/", "insecure_url"],
    ["http to this machine", "http://127.0.0.1:PORT/", "insecure_url"],
    ["another scheme", "ftp://hooks.acme.example/", "insecure_url"],
    ["a file", "file:///etc/passwd", "insecure_url"],
    ["data", "data:text/plain,x", "insecure_url"],
    ["no URL", "hooks.acme.example", "insecure_url"],
    ["https to this machine", "https://127.0.0.1:PORT/", "blocked_address"],
    ["https to this machine, decimal", "https://2130706433:PORT/", "blocked_address"],
    ["https to a name of this machine", "https://localhost:PORT/", "blocked_address"],
    ["https to cloud metadata", "https://169.254.169.254/", "blocked_address"],
  ] as const;
  test.each(attackers)("[W20] %s is rejected and nothing connects", async (_what, attacker, detail) => {
    const target = await openTarget(200, {}, { tls: { key, cert } });
    const url = attacker.replace("PORT", String(target.port));
    expect(await post({ url }, { allowInsecureTargets: false })).toEqual({ outcome: "rejected", detail });
    expect(target.connections).toBe(0);
  });

  test.each(["whsec_", "whsec_!!!!", "", "whsec_abc"])(
    "a secret %j that is no base64 is rejected",
    async (attacker) => {
      const target = await openTarget(200);
      const rejected = { outcome: "rejected", detail: "malformed_secret" };
      expect(await post({ url: target.url, secrets: [attacker] })).toEqual(rejected);
      expect(target.requests).toEqual([]);
    },
  );
});
