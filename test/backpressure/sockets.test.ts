import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { handshakeRefusal } from "../device/forge.ts";
import { openEngineSocket } from "../device/open-engine-socket.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { send } from "../support/send.ts";
import { startRedisProxy } from "../support/start-redis-proxy.ts";
import { readCapacity, readLabelled, waitForUsed } from "./read-capacity.ts";
import { upgrade } from "./upgrade.ts";

const fixture = useGateways();
const full = { code: "unavailable", advice: "retry", retryAfterSeconds: 5 };

describe("sockets", () => {
  test("[D26] beyond the cap a handshake is refused with its advice, the others go on, and the gateway stays ready", async () => {
    const deployment = await fixture.start({ environment: { CALLSEAL_MAX_SOCKETS: "3" } });
    const { gateway, keys } = deployment;
    const device = await enrolDevice(deployment);
    const open = () => openDeviceSocket(fixture, gateway, device);
    const sockets = [await open(), await open()];
    const agent = { namespace: "/console", token: keys.agent };
    await openDeviceSocket(fixture, gateway, undefined, agent);
    expect(await handshakeRefusal(open())).toEqual(full);
    expect(await handshakeRefusal(openDeviceSocket(fixture, gateway, undefined, agent))).toEqual(full);
    expect(await sockets[0]!.ask("claim", { did: "000000" })).toMatchObject({ code: "wrong_did" });
    expect((await send(gateway, "GET /readyz")).status).toBe(200);
    expect(await readCapacity(deployment, "refused_total", "sockets")).toBe(2);
    expect(await readCapacity(deployment, "limit", "sockets")).toBe(3);

    sockets[1]!.close();
    await waitForUsed(deployment, "sockets", 2);
    expect(await (await open()).ask("claim", { did: "000000" })).toMatchObject({ code: "wrong_did" });
  });

  test("[D26] handshakes that wait for Redis count, and give their places back when they fail", async () => {
    const proxy = await startRedisProxy(fixture.core.url);
    fixture.closeAfter(() => proxy.close());
    const environment = { CALLSEAL_MAX_SOCKETS: "3" };
    const deployment = await fixture.start({ redisUrl: proxy.url, environment, allowErrors: true });
    const device = await enrolDevice(deployment);
    const open = () => handshakeRefusal(openDeviceSocket(fixture, deployment.gateway, device));
    proxy.freeze();
    const waiting = [open(), open(), open()];
    await waitForUsed(deployment, "sockets", 3);
    const startedAt = performance.now();
    expect(await open()).toEqual(full);
    expect(performance.now() - startedAt).toBeLessThan(1500);
    for (const refusal of await Promise.all(waiting)) {
      expect(refusal).toEqual({ code: "unavailable", advice: "retry", retryAfterSeconds: 1 });
    }
    expect(proxy.cuts).toBe(1);
    await waitForUsed(deployment, "sockets", 0);
    await proxy.restore();
  }, 30_000);

  test("[D26] whoever hangs up keeps a place as long as there is work for them", async () => {
    const proxy = await startRedisProxy(fixture.core.url);
    fixture.closeAfter(() => proxy.close());
    const environment = { CALLSEAL_MAX_SOCKETS: "2" };
    const deployment = await fixture.start({ redisUrl: proxy.url, environment, allowErrors: true });
    const device = await enrolDevice(deployment);
    const engines = [
      await openEngineSocket(fixture, deployment.gateway),
      await openEngineSocket(fixture, deployment.gateway),
    ];
    proxy.freeze();
    for (const engine of engines) engine.send(`40/device,${JSON.stringify({ token: device.token() })}`);
    await waitForUsed(deployment, "sockets", 2);
    for (const engine of engines) engine.close();
    await Promise.all(engines.map(({ closed }) => closed));
    await waitForUsed(deployment, "handshakes", 0);
    expect(await readCapacity(deployment, "used", "sockets")).toBe(2);
    await waitForUsed(deployment, "sockets", 0);
    await proxy.restore();
  }, 30_000);

  test("[D26] a wrong token and a lost connection give their places back too", async () => {
    const deployment = await fixture.start({ environment: { CALLSEAL_MAX_SOCKETS: "1" } });
    const device = await enrolDevice(deployment);
    for (const attacker of ["", "x.y.z", device.token({ aud: "https://elsewhere.test" })]) {
      const refused = openDeviceSocket(fixture, deployment.gateway, undefined, { token: attacker });
      expect(await handshakeRefusal(refused)).toMatchObject({ code: "unauthenticated" });
    }
    const lost = await openEngineSocket(fixture, deployment.gateway);
    lost.send(`40/device,${JSON.stringify({ token: device.token() })}`);
    lost.close();
    await waitForUsed(deployment, "sockets", 0);
    const again = await openEngineSocket(fixture, deployment.gateway);
    again.send('40/device,{"token":"x.y.z"}');
    await again.until("44/device,");
    expect(await readCapacity(deployment, "used", "sockets")).toBe(0);
    again.send(`40/device,${JSON.stringify({ token: device.token() })}`);
    await again.until('40/device,{"sid"');
    again.close();
    await waitForUsed(deployment, "sockets", 0);
    await openDeviceSocket(fixture, deployment.gateway, device);
  });
});

describe("connections without a sign-in", () => {
  test("[D27] beyond their cap an upgrade is 503 with Retry-After and closed, and one that leaves makes room", async () => {
    const deployment = await fixture.start({ environment: { CALLSEAL_MAX_HANDSHAKES: "2" } });
    const { gateway } = deployment;
    const idle = [await upgrade(fixture, gateway), await upgrade(fixture, gateway)];
    expect(idle.map(({ status }) => status)).toEqual([101, 101]);
    const refused = await upgrade(fixture, gateway);
    expect(refused).toMatchObject({
      status: 503,
      headers: { "retry-after": "5", connection: "close", "content-type": "application/problem+json" },
      body: { code: "unavailable", status: 503, detail: expect.stringContaining("Retry-After") },
    });
    expect(await readCapacity(deployment, "refused_total", "handshakes")).toBe(1);
    idle[0]!.socket!.destroy();
    await waitForUsed(deployment, "handshakes", 1);
    expect((await upgrade(fixture, gateway)).status).toBe(101);
  });

  test("[D27] a socket that is signed in does not count among them", async () => {
    const deployment = await fixture.start({ environment: { CALLSEAL_MAX_HANDSHAKES: "1" } });
    const device = await enrolDevice(deployment);
    for (let index = 0; index < 3; index += 1) await openDeviceSocket(fixture, deployment.gateway, device);
    expect(await readCapacity(deployment, "used", "handshakes")).toBe(0);
    expect(await readCapacity(deployment, "used", "sockets")).toBe(3);
  });

  test("[D27] one that never signs in is closed at the handshake deadline", async () => {
    const deployment = await fixture.start({ environment: { CALLSEAL_MAX_HANDSHAKES: "1" } });
    const startedAt = performance.now();
    const { socket } = await upgrade(fixture, deployment.gateway);
    socket!.resume();
    await once(socket!, "close");
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    await waitForUsed(deployment, "handshakes", 0);
  }, 30_000);

  test("[D27] one that has left its namespace is closed: nobody is on it any more", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment);
    const engine = await openEngineSocket(fixture, deployment.gateway);
    engine.send(`40/device,${JSON.stringify({ token: device.token() })}`);
    await engine.until('40/device,{"sid"');
    engine.send("41/device,");
    await engine.closed;
    await waitForUsed(deployment, "sockets", 0);
  });

  test("[D27] an upgrade elsewhere is 404 and closed", async () => {
    const deployment = await fixture.start();
    for (const attacker of ["/", "/healthz", "/socket.ioX/", "/socket.io", "//socket.io/"]) {
      const refused = await upgrade(fixture, deployment.gateway, attacker);
      expect(refused, attacker).toMatchObject({
        status: 404,
        headers: { connection: "close" },
        body: { code: "not_found" },
      });
    }
    expect(await readCapacity(deployment, "used", "handshakes")).toBe(0);
  });
});

describe("whoever floods", () => {
  test("[D28] is cut off after twenty frames without a sign-in, and holds no place then", async () => {
    const deployment = await fixture.start();
    for (const attacker of ["40/nobody-here,", '40/device,{"token":"x"}', "40", "3", '40/console,{"token":"x"}']) {
      const engine = await openEngineSocket(fixture, deployment.gateway);
      for (let index = 0; index < 25; index += 1) engine.send(attacker);
      await engine.closed;
    }
    expect(await readLabelled(deployment, 'callseal_sockets_cut_total{reason="flood"}')).toBeGreaterThanOrEqual(2);
    await waitForUsed(deployment, "sockets", 0);
    await waitForUsed(deployment, "handshakes", 0);
  });

  test("[D28] is cut off after four thousand frames at once with one, and no other socket is", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment);
    const flooding = await openDeviceSocket(fixture, deployment.gateway, device);
    const other = await openDeviceSocket(fixture, deployment.gateway, await enrolDevice(deployment));
    const gone = new Promise((resolve) => flooding.raw.once("disconnect", resolve));
    for (let index = 0; index < 5000; index += 1) flooding.raw.emit("claim", { did: "x" });
    await gone;
    expect(await other.ask("claim", { did: "000000" })).toMatchObject({ code: "wrong_did" });
    expect(await readLabelled(deployment, 'callseal_sockets_cut_total{reason="flood"}')).toBe(1);
  });

  test("[D28] asks twice for the same sign-in at once is closed", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment);
    const engine = await openEngineSocket(fixture, deployment.gateway);
    for (const attacker of [device.token(), device.token()]) {
      engine.send(`40/device,${JSON.stringify({ token: attacker })}`);
    }
    await engine.closed;
    await waitForUsed(deployment, "sockets", 0);
  });
});
