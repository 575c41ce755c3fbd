import { expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { confirmByDid, openDeviceSocket } from "../support/open-device-socket.ts";
import { callerApi, openSession } from "../support/open-session.ts";
import { readMetric, waitForPolls } from "../support/read-metric.ts";
import { send } from "../support/send.ts";

const fixture = useGateways();

test("[S41] a gateway that serves is alive and ready, part by part", async () => {
  const deployment = await fixture.start();
  expect((await send(deployment.gateway, "GET /healthz")).body).toEqual({ status: "ok" });
  const ready = await send(deployment.gateway, "GET /readyz");
  expect({ status: ready.status, body: ready.body }).toEqual({
    status: 200,
    body: { status: "ready", checks: { redis: "ok", subscriber: "ok", queue: "ok", eventLoop: "ok", process: "ok" } },
  });
});

test("[S42] metrics are Prometheus text, for keys of that scope, and no label is an id, a number or a path", async () => {
  const deployment = await fixture.start();
  const session = await openSession(deployment, { ani: "+14155550123", metadata: { crmCaseId: "CASE-9911" } });
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  await confirmByDid(socket, device, session.did);
  await session.get("?wait=1");
  const { sessions, metrics } = deployment.keys;
  for (const odd of [
    `/SCRAMBLE/Caller/v1/sessions/${session.sessionId}`,
    `${callerApi}/SESSIONS/${session.sessionId}/`,
    `${callerApi}/calls/generic/${session.callId}`,
    "/scanned/by/a/stranger/4155550123",
    `/ivr/sessions/${session.sessionId}?did=${session.did}`,
  ]) {
    await send(deployment.gateway, `GET ${odd}`, { key: sessions });
  }
  await send(deployment.gateway, "POST /ScRaMbLe/device/v1/enrollments", { json: {} });

  const answer = await send(deployment.gateway, "GET /metrics", { key: metrics });
  expect(answer.status).toBe(200);
  expect(answer.headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
  const labels = [...answer.text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => ({ name, value: value! }));
  const known = [session.sessionId, session.callId, device.deviceId, device.subjectId, sessions, "4155550123"];
  for (const secret of [...known, "CASE-9911", "stranger"]) expect(answer.text).not.toContain(secret);
  // Six digits may stand in any figure by chance, but in no label.
  for (const { value } of labels) expect(value).not.toContain(session.did);
  const routes = new Set(labels.filter(({ name }) => name === "route").map(({ value }) => value));
  expect([...routes].filter((route) => /[A-Z]/.test(route.replace(/:\w+/g, "")))).toEqual([]);
  expect(routes).toContain("/scramble/caller/v1/sessions/:sessionId");
  expect(routes).toContain("unmatched");
});

test("[S42] the gauges follow what waits now, and long polls do not count as slow requests", async () => {
  const deployment = await fixture.start();
  const session = await openSession(deployment);
  const poll = session.get("?wait=30");
  await waitForPolls(deployment, 1);
  expect(await readMetric(deployment, deployment.gateway, "callseal_status_channels")).toBe(1);
  await session.post("cancel");
  await poll;
  const { text } = await send(deployment.gateway, "GET /metrics", { key: deployment.keys.metrics });
  expect(text).toMatch(/^callseal_polls_answered_total\{status="canceled"\} 1$/m);
  expect(text).not.toMatch(
    /^callseal_http_request_duration_seconds_count\{route="\/scramble\/caller\/v1\/sessions\/:sessionId"\}/m,
  );
});

test("[S43] a request is one log line, without its query and without what is no session id in its path", async () => {
  const deployment = await fixture.start();
  const session = await openSession(deployment);
  deployment.lines.length = 0;
  const { sessions } = deployment.keys;
  await send(deployment.gateway, `GET ${callerApi}/sessions/${session.sessionId}?did=${session.did}`, {
    key: sessions,
  });
  await send(deployment.gateway, `GET ${callerApi}/sessions/${session.did}?token=${sessions}`, { key: sessions });
  await send(deployment.gateway, `GET ${callerApi}/calls/generic/${session.callId}`, { key: sessions });
  await send(deployment.gateway, `GET /nowhere/${sessions}`, {});
  const lines = deployment.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const told = lines.map(({ event, route, status, sessionId, tenant, keyId }) => ({
    event,
    route,
    status,
    sessionId,
    tenant,
    keyId,
  }));
  const who = { event: "request.completed", tenant: "acme", keyId: "key-sessions" };
  const route = "/scramble/caller/v1/sessions/:sessionId";
  expect(told).toEqual([
    { ...who, route, status: 200, sessionId: session.sessionId },
    { ...who, route, status: 404, sessionId: undefined },
    { ...who, route: "/scramble/caller/v1/calls/:provider/:callId", status: 200, sessionId: undefined },
    {
      event: "request.completed",
      route: "unmatched",
      status: 404,
      sessionId: undefined,
      tenant: undefined,
      keyId: undefined,
    },
  ]);
  for (const line of lines) expect(line["durationMs"]).toEqual(expect.any(Number));
});

test("[S44] the API describes itself, and says the origin of this deployment", async () => {
  const deployment = await fixture.start();
  const answer = await send(deployment.gateway, "GET /openapi.json");
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({ openapi: "3.1.0", servers: [{ url: deployment.publicUrl }] });
});
