import { describe, expect, test } from "vitest";
import { deviceKeys } from "../../core/redis/keys.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { type Ack, confirmByDid, openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";
import { waitFor } from "../support/wait-for.ts";
import { handshakeRefusal } from "./forge.ts";

const fixture = useGateways();
/** A word is never a code, so a wrong DID stays wrong whatever the sessions of a test are given. */
const wrong = { did: "no-code" };
const wrongDid = { ok: false, code: "wrong_did", advice: "stop" };
const limited = { ok: false, code: "rate_limited", advice: "retry", retryAfterSeconds: expect.any(Number) };

function count(acks: readonly Ack[], code: string): number {
  return acks.filter((ack) => ack.code === code).length;
}

async function eventTypes(deployment: Deployment): Promise<string[]> {
  const answer = await send(deployment.gateway, "GET /admin/v1/events?limit=1000", { key: deployment.keys.admin });
  return answer.body.events.map(({ type }) => type);
}

describe("wrong DIDs of a device", () => {
  test("[D9] are five in ten minutes; then every claim and confirm is rate_limited, and a new DID changes nothing", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment);
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    const claimed = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did: claimed.did });
    for (let guesses = 0; guesses < 5; guesses += 1) expect(await socket.ask("claim", wrong)).toEqual(wrongDid);
    const sixth = await socket.ask("claim", wrong);
    expect(sixth).toEqual(limited);
    expect(sixth.retryAfterSeconds).toBeGreaterThan(590);
    expect(sixth.retryAfterSeconds).toBeLessThanOrEqual(600);
    const { did } = await openSession(deployment);
    expect(await socket.ask("claim", { did })).toEqual(limited);
    const proof = device.proof(challenge!, { did: claimed.did });
    expect(await socket.ask("confirm", { proof })).toEqual(limited);
    expect((await claimed.get()).body.status).toBe("pending");
    expect((await eventTypes(deployment)).filter((type) => type.startsWith("wrong_did"))).toEqual([
      ...Array.from({ length: 5 }, () => "wrong_did"),
      "wrong_did_burst",
    ]);
  });

  test("[D9] do not keep it from denying, and nobody else from confirming", async () => {
    const deployment = await fixture.start();
    const [device, other] = [await enrolDevice(deployment), await enrolDevice(deployment)];
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    const others = await openDeviceSocket(fixture, deployment.gateway, other);
    const { did } = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did });
    for (let guesses = 0; guesses < 5; guesses += 1) await socket.ask("claim", wrong);
    const free = await openSession(deployment);
    expect((await confirmByDid(others, other, free.did)).status).toBe("confirmed");
    const proof = device.proof(challenge!, { dec: "deny", reason: "not_me" });
    expect((await socket.ask("deny", { proof })).status).toBe("denied");
  });

  test("[D9] count in a proof as in a claim", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment);
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    const { did, get } = await openSession(deployment);
    for (let guesses = 0; guesses < 5; guesses += 1) {
      const { challenge } = await socket.ask("claim", { did });
      expect((await socket.ask("confirm", { proof: device.proof(challenge!, wrong) })).code).toBe("wrong_did");
    }
    expect(await socket.ask("claim", { did })).toEqual(limited);
    expect((await get()).body.status).toBe("pending");
  });

  test("[D9] keep a right code in the same burst from counting: a device's guesses are taken one by one", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment);
    const sockets = [
      await openDeviceSocket(fixture, deployment.gateway, device),
      await openDeviceSocket(fixture, deployment.gateway, device),
    ];
    const { did } = await openSession(deployment);
    const first = await sockets[0]!.ask("claim", wrong);
    const burst = Array.from({ length: 6 }, () => sockets[0]!.ask("claim", wrong));
    const last = (await Promise.all([...burst, sockets[0]!.ask("claim", { did })])).at(-1);
    expect([first, last]).toEqual([wrongDid, limited]);
    expect(await sockets[1]!.ask("claim", { did })).toEqual(limited);
  });

  test("[D9] are counted exactly by sockets and gateways that race", async () => {
    const deployment = await fixture.start({ gateways: 2 });
    const device = await enrolDevice(deployment);
    const sockets = await Promise.all(
      [0, 1, 0, 1].map((at) => openDeviceSocket(fixture, deployment.gateways[at]!, device)),
    );
    const acks = await Promise.all(
      Array.from({ length: 20 }, (_, index) => sockets[index % sockets.length]!.ask("claim", wrong)),
    );
    expect({ wrong: count(acks, "wrong_did"), limited: count(acks, "rate_limited") }).toEqual({
      wrong: 5,
      limited: 15,
    });
  });
});

describe("a hundred wrong DIDs in a row", () => {
  const patient = () => testTenant({ limits: { wrongDidsPer10Min: 1000, sessionsPerMinutePerKey: 10_000 } });

  async function guess(socket: Awaited<ReturnType<typeof openDeviceSocket>>, times: number): Promise<Ack[]> {
    const acks: Ack[] = [];
    for (let guesses = 0; guesses < times; guesses += 1) acks.push(await socket.ask("claim", wrong));
    return acks;
  }

  test("[D10] disable the device, close its sockets on every gateway, and its handshakes say so", async () => {
    const deployment = await fixture.start({ gateways: 2, tenants: [patient()] });
    const device = await enrolDevice(deployment);
    const [socket, elsewhere] = await Promise.all(
      deployment.gateways.map((gateway) => openDeviceSocket(fixture, gateway, device)),
    );
    const gone = [socket!, elsewhere!].map(({ raw }) => new Promise((left) => raw.once("disconnect", left)));
    expect(count(await guess(socket!, 99), "wrong_did")).toBe(99);
    expect(elsewhere!.raw.connected).toBe(true);
    expect(await socket!.ask("claim", wrong)).toEqual(wrongDid);
    expect(await Promise.all(gone)).toEqual(["io server disconnect", "io server disconnect"]);
    for (const gateway of deployment.gateways) {
      const refusal = await handshakeRefusal(openDeviceSocket(fixture, gateway, device));
      expect(refusal).toEqual({ code: "device_disabled", advice: "stop" });
    }
    const { devices } = (
      await send(deployment.gateway, `GET /admin/v1/subjects/${device.subjectId}/devices`, {
        key: deployment.keys.admin,
      })
    ).body as unknown as { devices: { status: string }[] };
    expect(devices.map(({ status }) => status)).toEqual(["disabled"]);
    expect(await eventTypes(deployment)).toContain("wrong_did_burst");
    const anew = await enrolDevice(deployment, { subjectId: device.subjectId });
    expect((await openDeviceSocket(fixture, deployment.gateway, anew)).raw.connected).toBe(true);
  });

  test("[D10] begin anew with a success", async () => {
    const deployment = await fixture.start({ tenants: [patient()] });
    const device = await enrolDevice(deployment);
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    await guess(socket, 99);
    const { did } = await openSession(deployment);
    expect((await confirmByDid(socket, device, did)).status).toBe("confirmed");
    const { core } = deployment;
    await waitFor("the row begins anew", async () => {
      return (await core.redis.hget(deviceKeys(core.keyspace, device.deviceId).device, "wrongInARow")) === "0";
    });
    expect(count(await guess(socket, 99), "wrong_did")).toBe(99);
    expect(socket.raw.connected).toBe(true);
  });
});
