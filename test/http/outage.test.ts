import { describe, expect, test } from "vitest";
import { problem } from "../../server/http/openapi/answer-schemas.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { freePort } from "../support/free-port.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { callerApi, newCallId, openSession } from "../support/open-session.ts";
import { waitForPolls } from "../support/read-metric.ts";
import { type Answer, type SendOptions, send } from "../support/send.ts";
import { type RedisProxy, startRedisProxy } from "../support/start-redis-proxy.ts";
import { eventsOf } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useGateways();

async function startBehindProxy(): Promise<{ deployment: Deployment; proxy: RedisProxy }> {
  const proxy = await startRedisProxy(fixture.core.url);
  fixture.closeAfter(() => proxy.close());
  return { proxy, deployment: await fixture.start({ redisUrl: proxy.url, allowErrors: true }) };
}

/** Connections that have subscribed to something: after an outage every one of them comes back. */
async function listening(): Promise<number> {
  const clients = await fixture.core.clients();
  return clients.filter((line) => / (?:sub|psub)=[1-9]/.test(line)).length;
}

/** One request to every door that needs Redis. */
function knock(deployment: Deployment, sessionId: string): Promise<Answer>[] {
  const { sessions, admin } = deployment.keys;
  const doors: [line: string, options: SendOptions][] = [
    [`POST ${callerApi}/sessions`, { key: sessions, json: { provider: "generic", callId: newCallId() } }],
    [`GET ${callerApi}/sessions/${sessionId}`, { key: sessions }],
    [`GET ${callerApi}/sessions/${sessionId}?wait=1`, { key: sessions }],
    [`GET ${callerApi}/calls/generic/${newCallId()}`, { key: sessions }],
    [`POST ${callerApi}/sessions/${sessionId}/cancel`, { key: sessions }],
    [`POST ${callerApi}/sessions/${sessionId}/loop`, { key: sessions, json: { index: 1 } }],
    [`POST ${callerApi}/sessions/${sessionId}/call-ended`, { key: sessions }],
    ["POST /ivr/sessions", { key: sessions, json: { callId: newCallId() } }],
    [`GET /ivr/sessions/${sessionId}`, { key: sessions }],
    ["POST /admin/v1/subjects", { key: admin, json: { externalId: "e" } }],
    ["GET /admin/v1/events", { key: admin }],
    ["POST /scramble/device/v1/enrollments", { json: {} }],
  ];
  return doors.map(([line, options]) => send(deployment.gateway, line, options));
}

describe.each([
  ["gone", (proxy: RedisProxy) => proxy.cut()],
  ["hanging", (proxy: RedisProxy) => proxy.freeze()],
] as const)("while Redis is %s", (_how, strike) => {
  test("[S37] every door answers 503 unavailable with Retry-After in three seconds, and opens again by itself", async () => {
    const { deployment, proxy } = await startBehindProxy();
    const session = await openSession(deployment);
    await strike(proxy);
    const startedAt = performance.now();
    const answers = await Promise.all(knock(deployment, session.sessionId));
    expect(performance.now() - startedAt).toBeLessThan(4000);
    for (const answer of answers) {
      expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 503, code: "unavailable" });
      expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
      expect(answer.text).not.toMatch(/redis|ioredis|127\.0\.0\.1/i);
    }
    expect(proxy.cuts).toBe(1);
    expect(proxy.struck).toBeGreaterThan(0);

    await proxy.restore();
    await waitFor(
      "the gateway is ready again",
      async () => (await send(deployment.gateway, "GET /readyz")).status === 200,
    );
    expect((await session.get()).status).toBe(200);
    expect((await openSession(deployment)).created.status).toBe(201);
  }, 30_000);

  test("[S38] the gateway is alive and not ready, and says which part has failed", async () => {
    const { deployment, proxy } = await startBehindProxy();
    await strike(proxy);
    await waitFor("readiness falls", async () => (await send(deployment.gateway, "GET /readyz")).status === 503);
    const readiness = await send(deployment.gateway, "GET /readyz");
    expect(readiness.headers["cache-control"]).toBe("no-store");
    const checks = readiness.body["checks"] as Record<string, string>;
    expect(readiness.body).toMatchObject({ status: "not_ready", checks: { process: "ok" } });
    expect(Object.keys(checks).filter((part) => checks[part] !== "ok")).toEqual(
      expect.arrayContaining(["redis", "queue"]),
    );
    expect((await send(deployment.gateway, "GET /healthz")).body).toEqual({ status: "ok" });
    expect((await send(deployment.gateway, "GET /.well-known/jwks.json")).status).toBe(200);
    const metrics = await send(deployment.gateway, "GET /metrics", { key: deployment.keys.metrics });
    expect(metrics.status).toBe(200);
    await proxy.restore();
    await waitFor(
      "the gateway is ready again",
      async () => (await send(deployment.gateway, "GET /readyz")).status === 200,
    );
  }, 30_000);

  test("[L14] a poll that waits through it answers what happened meanwhile", async () => {
    const { deployment, proxy } = await startBehindProxy();
    const session = await openSession(deployment);
    const poll = session.get("?wait=30");
    await waitForPolls(deployment, 1);
    const before = await listening();
    await strike(proxy);
    await deployment.core.sessions.cancel(session.sessionId, "acme", "corr-0009");
    await proxy.restore();
    expect((await poll).body.status).toBe("canceled");
    await waitFor("every subscriber listens again", async () => (await listening()) >= before - 1);
  }, 40_000);

  test("[S45] the gateway still stops within ten seconds, its pollers answered", async () => {
    const { deployment, proxy } = await startBehindProxy();
    const session = await openSession(deployment);
    const poll = session.get("?wait=50");
    await waitForPolls(deployment, 1);
    await strike(proxy);
    const startedAt = performance.now();
    await deployment.gateway.close();
    expect(performance.now() - startedAt).toBeLessThan(9000);
    // 503, or what it had read before Redis went away; never nothing.
    const { status, body } = await poll;
    expect(status === 503 || body.status === "pending").toBe(true);
  }, 30_000);

  test("[S46] a gateway that is starting answers 503 with a problem document, and gives up when Redis does not come", async () => {
    const { deployment, proxy } = await startBehindProxy();
    const port = await freePort();
    await strike(proxy);
    const started = deployment.startAnother({ PORT: String(port) });
    const refused = expect(started).rejects.toThrow();
    const answer = await waitFor("the port is taken", () =>
      fetch(`http://127.0.0.1:${port}/scramble/caller/v1/verifications`).catch(() => undefined),
    );
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
    expect(problem.parse(await answer.json())).toMatchObject({ code: "unavailable", status: 503 });
    await refused;
  }, 30_000);
});

describe("when the connection ends under a creation", () => {
  test("[S62] that Redis had done, it is created once, and its code leads to its call", async () => {
    const { deployment, proxy } = await startBehindProxy();
    const device = await enrolDevice(deployment);
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    // Every script is known by its digest from here on.
    await openSession(deployment);
    const callId = newCallId();
    proxy.holdAnswersFrom(/:status:/);
    const opening = openSession(deployment, { callId });
    await waitFor("the answer is held", () => proxy.held > 0);
    proxy.drop();
    proxy.release();
    const { did, sessionId } = await opening;
    expect(await socket.ask("claim", { did })).toMatchObject({ ok: true, challenge: { sessionId, callId } });
    const types = (await eventsOf(deployment.core, sessionId)).map(({ type }) => type);
    expect(types).toEqual(["session_created", "did_issued"]);
    expect(proxy.cuts).toBe(1);
  });
});

describe("while a peer has vanished without a word", () => {
  test("[L16] a poll hears of its session's end over a new subscriber connection, seconds later and long before its wait is over", async () => {
    const { deployment, proxy } = await startBehindProxy();
    const session = await openSession(deployment);
    const poll = session.get("?wait=50");
    await waitForPolls(deployment, 1);
    proxy.vanish("subscriber");
    expect(proxy.struck).toBe(1);
    const startedAt = performance.now();
    await session.post("cancel");
    expect((await poll).body.status).toBe("canceled");
    expect(performance.now() - startedAt).toBeLessThan(8000);
  }, 30_000);

  test.each(["commands", "queue", "adapter"])(
    "[S47] the gateway replaces its %s connection by itself",
    async (role) => {
      const { deployment, proxy } = await startBehindProxy();
      const ids = async () => {
        const clients = (await fixture.core.clients()).filter((line) => line.includes(` name=callseal:${role} `));
        return clients.map((line) => /^id=(\d+)/.exec(line)?.[1]);
      };
      await waitFor("the connection has said its name", async () => (await ids()).length > 0);
      const before = await ids();
      proxy.vanish(role);
      expect(proxy.struck).toBeGreaterThan(0);
      const ready = async () => (await send(deployment.gateway, "GET /readyz")).status === 200;
      await waitFor(
        "every vanished connection is replaced",
        async () => {
          const isReady = await ready();
          const now = await ids();
          return isReady && now.filter((id) => !before.includes(id)).length >= proxy.struck;
        },
        { withinMs: 10_000, everyMs: 100 },
      );
      expect((await openSession(deployment)).created.status).toBe(201);
    },
    30_000,
  );
});
