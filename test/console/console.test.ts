import { describe, expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, type TestGateway, useGateways } from "../support/gateway.ts";
import { confirmByDid, type HandshakeRefused, openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";
import { expire } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useGateways();

function openConsole(deployment: Deployment, token: unknown, gateway: TestGateway = deployment.gateway) {
  return openDeviceSocket(fixture, gateway, undefined, { namespace: "/console", token });
}

async function refusal(opening: Promise<unknown>): Promise<unknown> {
  const error = await opening.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return (error as HandshakeRefused | undefined)?.data;
}

async function confirmElsewhere(deployment: Deployment, did: string) {
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, deployment.gateways.at(-1)!, device);
  expect((await confirmByDid(socket, device, did)).status).toBe("confirmed");
  return device;
}

describe("a console's handshake", () => {
  test("[D21] is accepted with a key of scope agent, and with no other", async () => {
    const deployment = await fixture.start();
    const { keys } = deployment;
    expect((await openConsole(deployment, keys.agent)).raw.connected).toBe(true);
    for (const key of [keys.sessions, keys.admin, keys.metrics]) {
      expect(await refusal(openConsole(deployment, key))).toEqual({ code: "forbidden", advice: "stop" });
    }
  });

  test("[D21] is refused as unauthenticated with anything that is no credential", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment);
    const attackers = [
      undefined,
      null,
      7,
      true,
      "",
      "x",
      " ",
      deployment.keys.agent.slice(1),
      `${deployment.keys.agent} `,
      [deployment.keys.agent],
      { toString: "x" },
      "a.b.c",
      "x".repeat(9000),
      device.token(),
      "__proto__",
    ];
    for (const attacker of attackers) {
      expect(await refusal(openConsole(deployment, attacker))).toEqual({
        code: "unauthenticated",
        advice: "reauthenticate",
      });
    }
  });

  test("[D21] does not open the devices' namespace, nor a device's token the consoles'", async () => {
    const deployment = await fixture.start();
    const opening = openDeviceSocket(fixture, deployment.gateway, undefined, { token: deployment.keys.agent });
    expect(await refusal(opening)).toEqual({ code: "unauthenticated", advice: "reauthenticate" });
  });
});

describe("a console", () => {
  test("[D22] that watches gets the status document, and it again when the session ends on another gateway", async () => {
    const deployment = await fixture.start({ gateways: 2 });
    const agent = await openConsole(deployment, deployment.keys.agent);
    const session = await openSession(deployment, { provider: "agent", callId: "desk-7" });
    const ack = await agent.ask("watch", { sessionId: session.sessionId });
    expect(ack).toEqual({ ok: true, ...(await session.get()).body });
    expect(ack).toMatchObject({ status: "pending", terminal: false, intercept: { status: "none" } });
    const device = await confirmElsewhere(deployment, session.did);
    const status = await agent.next("status");
    expect(status).toMatchObject({
      status: "confirmed",
      terminal: true,
      deviceId: device.deviceId,
      intercept: { status: "none" },
    });
    const { receipt, ...document } = (await session.get()).body;
    expect(status).toMatchObject(document);
    expect(status["receipt"]).toEqual(expect.any(String));
    expect(receipt).toEqual(expect.any(String));
    expect(agent.received).toEqual([]);
  });

  test("[D22] never learns the code, from the acknowledgement or from the event", async () => {
    const deployment = await fixture.start();
    const agent = await openConsole(deployment, deployment.keys.agent);
    const session = await openSession(deployment);
    const ack = await agent.ask("watch", { sessionId: session.sessionId });
    await session.post("cancel");
    const status = await agent.next("status");
    expect(status).toMatchObject({ status: "canceled" });
    for (const document of [ack, status]) {
      expect(document).not.toHaveProperty("did");
      expect(JSON.stringify(document)).not.toMatch(
        new RegExp(`"[^"]*(?<![A-Za-z0-9_-])${session.did}(?![A-Za-z0-9_-])[^"]*"`),
      );
    }
  });

  test("[D22] hears of a session that times out though no worker records it", async () => {
    const deployment = await fixture.start();
    const agent = await openConsole(deployment, deployment.keys.agent);
    const { sessionId } = await openSession(deployment);
    await expire(deployment.core, sessionId, -3000);
    expect(await agent.ask("watch", { sessionId })).toMatchObject({ ok: true, status: "pending" });
    expect(await agent.next("status")).toMatchObject({ sessionId, status: "timeout", terminal: true });
  });

  test("[D22] that asks about an ended session gets its end, and no event", async () => {
    const deployment = await fixture.start();
    const agent = await openConsole(deployment, deployment.keys.agent);
    const session = await openSession(deployment);
    await session.post("cancel");
    const watch = () => agent.ask("watch", { sessionId: session.sessionId });
    expect(await watch()).toMatchObject({ ok: true, status: "canceled", terminal: true });
    expect(await watch()).toMatchObject({ ok: true, status: "canceled" });
    expect(agent.received).toEqual([]);
  });

  test("[D22] that watches twice hears once, and each of two consoles hears", async () => {
    const deployment = await fixture.start({ gateways: 2 });
    const consoles = [
      await openConsole(deployment, deployment.keys.agent),
      await openConsole(deployment, deployment.keys.agent, deployment.gateways[1]!),
    ];
    const session = await openSession(deployment);
    for (const agent of consoles) {
      await Promise.all([1, 2, 3].map(() => agent.ask("watch", { sessionId: session.sessionId })));
    }
    await session.post("cancel");
    for (const agent of consoles) {
      expect(await agent.next("status")).toMatchObject({ status: "canceled" });
      await agent.ask("watch", { sessionId: session.sessionId });
      expect(agent.received).toEqual([]);
    }
  });

  test("[D22] finds no other tenant's session, and none under an id that is none", async () => {
    const tenants = [testTenant(), testTenant({ id: "globex" })];
    const deployment = await fixture.start({ tenants });
    const { sessionId } = await openSession(deployment);
    const stranger = await openConsole(deployment, tenants[1]!.keys.agent);
    for (const attacker of [sessionId, `csn_${"A".repeat(22)}_1`, "__proto__", "", "csn_x"]) {
      const ack = await stranger.ask("watch", { sessionId: attacker });
      expect(ack).toEqual({ ok: false, code: "not_found", advice: "stop" });
    }
  });

  test.each([
    undefined,
    null,
    7,
    "csn_x",
    [],
    {},
    { sessionId: 7 },
    { sessionId: null },
    { sessionId: "x".repeat(65) },
    { sessionId: "x", more: 1 },
    Buffer.from("x"),
  ])("[D22] that sends %j is told that it is invalid", async (attacker) => {
    const deployment = await fixture.start();
    const agent = await openConsole(deployment, deployment.keys.agent);
    const invalid = { ok: false, code: "invalid_request", advice: "stop" };
    expect(await agent.ask("watch", attacker)).toEqual(invalid);
    expect(await agent.ask("claim", attacker)).toEqual(invalid);
    expect(agent.raw.connected).toBe(true);
  });

  test("[D22] watches at most 100 pending sessions at once, and one that ends makes room", async () => {
    const limits = { sessionsPerMinutePerKey: 10_000 };
    const deployment = await fixture.start({ tenants: [testTenant({ limits })] });
    const agent = await openConsole(deployment, deployment.keys.agent);
    const sessions = await Promise.all(Array.from({ length: 101 }, () => openSession(deployment)));
    const acks = await Promise.all(sessions.map(({ sessionId }) => agent.ask("watch", { sessionId })));
    const refused = acks.filter(({ ok }) => !ok);
    expect(refused).toEqual([{ ok: false, code: "rate_limited", advice: "retry", retryAfterSeconds: 1 }]);
    const left = sessions[acks.findIndex(({ ok }) => !ok)]!;
    const watched = sessions.find((session) => session !== left)!;
    await watched.post("cancel");
    await agent.next("status");
    expect(await agent.ask("watch", { sessionId: left.sessionId })).toMatchObject({ ok: true, status: "pending" });
  });

  test("[D22] holds no subscription once it has left", async () => {
    const deployment = await fixture.start();
    const agent = await openConsole(deployment, deployment.keys.agent);
    const { sessionId } = await openSession(deployment);
    expect((await agent.ask("watch", { sessionId })).ok).toBe(true);
    const channels = async () => {
      const { text } = await send(deployment.gateway, "GET /metrics", { key: deployment.keys.metrics });
      return /^callseal_status_channels (\d+)$/m.exec(text)?.[1];
    };
    await waitFor("the session is watched", async () => (await channels()) === "1");
    agent.close();
    await waitFor("the subscription is left", async () => (await channels()) === "0");
  });
});
