import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { problem } from "../../server/http/openapi/answer-schemas.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, type DeploymentOptions, useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession, postSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { type RedisProxy, startRedisProxy } from "../support/start-redis-proxy.ts";
import { testTenant, twilioAccount } from "../support/test-tenants.ts";
import { waitFor } from "../support/wait-for.ts";
import { authToken, callFields, newCallSid, promptOf, redirectOf, webhook } from "../twilio/webhook.ts";
import { readCapacity, waitForUsed } from "./read-capacity.ts";

const fixture = useGateways();

async function startFrozenAble(options: DeploymentOptions): Promise<{ deployment: Deployment; proxy: RedisProxy }> {
  const proxy = await startRedisProxy(fixture.core.url);
  fixture.closeAfter(() => proxy.close());
  return { proxy, deployment: await fixture.start({ redisUrl: proxy.url, allowErrors: true, ...options }) };
}

async function isReady(deployment: Deployment): Promise<boolean> {
  return (await send(deployment.gateway, "GET /readyz")).status === 200;
}

test("[S49] with Redis frozen, requests beyond the cap are 503 at once, those within it in time, and all is well afterwards", async () => {
  const { deployment, proxy } = await startFrozenAble({ environment: { CALLSEAL_MAX_REQUESTS: "10" } });
  const session = await openSession(deployment);
  proxy.freeze();
  const startedAt = performance.now();
  const within = Array.from({ length: 10 }, () => postSession(deployment));
  await waitForUsed(deployment, "requests", 10);
  const beyond = await Promise.all(Array.from({ length: 50 }, () => session.get("?wait=50")));
  for (const answer of beyond) {
    expect(answer.status).toBe(503);
    expect(answer.headers["retry-after"]).toBe("1");
    expect(problem.parse(answer.body)).toMatchObject({
      code: "unavailable",
      detail: expect.stringContaining("Retry-After"),
    });
  }
  const refusals = deployment.lines.filter((line) => /"route":"unmatched".*"status":503/.test(line));
  expect(refusals).toHaveLength(50);
  for (const line of refusals) expect((JSON.parse(line) as { durationMs: number }).durationMs).toBeLessThan(1000);
  expect(await readCapacity(deployment, "used", "requests")).toBeLessThanOrEqual(10);
  expect(await readCapacity(deployment, "refused_total", "requests")).toBe(50);
  expect((await send(deployment.gateway, "GET /healthz")).status).toBe(200);
  expect(await isReady(deployment)).toBe(false);
  for (const answer of await Promise.all(within)) expect(answer.status).toBe(503);
  expect(performance.now() - startedAt).toBeLessThan(8000);
  expect(proxy.cuts).toBe(1);
  expect(deployment.lines.filter((line) => line.includes("store.unavailable"))).toHaveLength(10);

  await proxy.restore();
  await waitFor("the gateway is ready again", () => isReady(deployment));
  expect(await readCapacity(deployment, "used", "requests")).toBe(0);
  expect((await openSession(deployment)).created.status).toBe(201);
  expect((await session.get()).status).toBe(200);
}, 30_000);

test("[S49] whoever hangs up while Redis is frozen keeps their place until the work is over", async () => {
  const { deployment, proxy } = await startFrozenAble({ environment: { CALLSEAL_MAX_REQUESTS: "5" } });
  proxy.freeze();
  const hangUp = new AbortController();
  const lost = Array.from({ length: 5 }, () =>
    postSession(deployment, {}, { signal: hangUp.signal }).catch(() => "hung up"),
  );
  await waitForUsed(deployment, "requests", 5);
  hangUp.abort();
  expect(new Set(await Promise.all(lost))).toEqual(new Set(["hung up"]));
  await waitFor(
    "the gateway has noticed",
    () => deployment.lines.filter((line) => line.includes('"hungUp":true')).length === 5,
  );
  expect(await readCapacity(deployment, "used", "requests")).toBe(5);
  expect((await postSession(deployment)).headers["retry-after"]).toBe("1");
  await waitForUsed(deployment, "requests", 0);
  await proxy.restore();
}, 30_000);

test("[S49] whoever has no key holds no place, however slowly they send", async () => {
  const deployment = await fixture.start({ environment: { CALLSEAL_MAX_REQUESTS: "1" } });
  const form = "application/x-www-form-urlencoded";
  for (const [path, type] of [
    ["/scramble/device/v1/enrollments", "application/json"],
    ["/ivr/verify/start", form],
  ]) {
    const attacker = connect(deployment.gateway.port, "127.0.0.1");
    fixture.closeAfter(() => attacker.destroy());
    attacker.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n`,
    );
    // The gateway has the request and waits for its body.
    expect(String((await once(attacker, "data"))[0])).toMatch(/^HTTP\/1.1 100 /);
  }
  expect(await readCapacity(deployment, "used", "requests")).toBe(0);
  expect((await openSession(deployment)).created.status).toBe(201);
});

test("[S49] readiness is asked of Redis once at a time, however many ask for it", async () => {
  const { deployment, proxy } = await startFrozenAble({});
  const pings = async () => {
    const stats = (await fixture.core.admin.info("commandstats")) as string;
    return Number(/^cmdstat_ping:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
  };
  proxy.delayAnswers(300);
  const before = await pings();
  const answers = await Promise.all(Array.from({ length: 100 }, () => send(deployment.gateway, "GET /readyz")));
  expect(answers.every(({ body }) => body["checks"] !== undefined)).toBe(true);
  expect(proxy.delayed).toBeGreaterThan(0);
  // Two for each time that it was asked, and the heartbeats of the other connections.
  expect((await pings()) - before).toBeLessThan(60);
  proxy.delayAnswers(0);
}, 30_000);

test("[T19] beyond the cap a caller of the hosted flow follows the degraded policy at once, with 200", async () => {
  const successUrl = "https://ivr.acme.test/verified";
  const failureUrl = "https://ivr.acme.test/unverified";
  const twilio = { mode: "none" as const, accountSid: twilioAccount, authTokens: [authToken], successUrl, failureUrl };
  for (const [degraded, expected] of [
    ["fail-closed", `${failureUrl}?reason=unavailable`],
    ["fail-open", `${successUrl}?reason=unavailable`],
  ] as const) {
    const tenants = [testTenant({ policy: { degraded }, providers: { twilio } })];
    const { deployment, proxy } = await startFrozenAble({ tenants, environment: { CALLSEAL_MAX_REQUESTS: "1" } });
    proxy.freeze();
    const held = postSession(deployment);
    await waitForUsed(deployment, "requests", 1);
    const startedAt = performance.now();
    const fields = callFields(newCallSid());
    expect(redirectOf(await webhook(deployment.gateway, "start", fields))).toBe(expected);
    expect(performance.now() - startedAt).toBeLessThan(1500);
    expect((await held).status).toBe(503);
    await proxy.restore();
    await waitFor("the gateway is ready again", () => isReady(deployment));
    expect(promptOf(deployment.gateway, await webhook(deployment.gateway, "start", fields)).code).toMatch(/^\d{6}$/);
    await waitFor("the use is recorded", async () => {
      const { events } = await deployment.core.events.list({ tenant: "acme", after: undefined, limit: 100 });
      return events.some(({ type, cause }) => type === "degraded" && cause === "overloaded");
    });
  }
}, 40_000);

test("[D30] requests of sockets beyond the cap are put off at once, and a busy gateway lets no device fill it", async () => {
  const { deployment, proxy } = await startFrozenAble({ environment: { CALLSEAL_MAX_REQUESTS: "40" } });
  const devices = [await enrolDevice(deployment), await enrolDevice(deployment)];
  const [greedy, modest] = await Promise.all(
    devices.map((device) => openDeviceSocket(fixture, deployment.gateway, device)),
  );
  proxy.freeze();
  const startedAt = performance.now();
  const asked = Array.from({ length: 60 }, () => greedy!.ask("claim", { did: "000000" }));
  const alsoAsked = Array.from({ length: 10 }, () => modest!.ask("claim", { did: "000000" }));
  // Twenty-one of one device make the gateway busy; from then on it is told to come later.
  const putOff = (await Promise.all(asked.slice(25))).filter(
    ({ code }) => code === "rate_limited" || code === "unavailable",
  );
  expect(putOff).toHaveLength(35);
  for (const ack of putOff) expect(ack).toMatchObject({ ok: false, advice: "retry", retryAfterSeconds: 1 });
  expect(performance.now() - startedAt).toBeLessThan(1800);
  expect(proxy.cuts).toBe(1);
  await proxy.restore();
  for (const ack of await Promise.all([...asked, ...alsoAsked])) {
    expect(["wrong_did", "unavailable", "rate_limited"]).toContain(ack.code);
  }
  await waitForUsed(deployment, "socket_requests", 0);
}, 30_000);
