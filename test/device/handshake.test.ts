import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { deviceKeys } from "../../core/redis/keys.ts";
import { enrolDevice, newSigner, nowSeconds, type TestDevice } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { send } from "../support/send.ts";
import { startRedisProxy } from "../support/start-redis-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import { handshakeRefusal, malleate, respell, segment, signHmac, signTexts, swapClaims } from "./forge.ts";

const fixture = useGateways();

const typ = "callseal-device+jwt";

interface Forgery {
  device: TestDevice;
  other: TestDevice;
  deployment: Deployment;
}

function claimsOf({ device, deployment }: Forgery, overrides: Record<string, unknown> = {}) {
  const iat = nowSeconds();
  return { iss: device.deviceId, aud: deployment.publicUrl, iat, exp: iat + 60, jti: randomUUID(), ...overrides };
}

const withHeader = (header: Record<string, unknown>) => (it: Forgery) =>
  it.device.sign({ typ, kid: it.device.deviceId, ...header }, claimsOf(it));
const withClaims = (claims: (it: Forgery) => Record<string, unknown>) => (it: Forgery) => it.device.token(claims(it));
const constant = (token: unknown) => () => token;

const withHmac = (alg: "HS256" | "HS512") => (it: Forgery) => {
  const header = { alg, typ, kid: it.device.deviceId };
  return signHmac(JSON.stringify(it.device.publicJwk), header, claimsOf(it));
};

const attackers: [name: string, forge: (it: Forgery) => unknown][] = [
  ["no token", constant(undefined)],
  ["null", constant(null)],
  ["a number", constant(42)],
  ["an object", constant({ toString: "x" })],
  ["an array", constant(["a.b.c"])],
  ["an empty text", constant("")],
  ["a text that is no JWS", constant("x".repeat(200))],
  ["a JWS longer than 4 KiB", withClaims(() => ({ padding: "x".repeat(4000) }))],
  ["alg none without signature", (it) => `${segment('{"alg":"none"}')}.${segment(JSON.stringify(claimsOf(it)))}.`],
  ["alg none with some signature", withHeader({ alg: "none" })],
  ["HS256 with the public key", withHmac("HS256")],
  ["HS512, whose signature has the right length", withHmac("HS512")],
  ["another algorithm's name", withHeader({ alg: "ES384" })],
  ["an embedded jwk", (it) => withHeader({ jwk: it.device.publicJwk })(it)],
  ["a jku", withHeader({ jku: "https://attacker.example/jwks.json" })],
  ["an x5u", withHeader({ x5u: "https://attacker.example/chain.pem" })],
  ["an x5c", withHeader({ x5c: ["MIIB"] })],
  ["a critical extension", withHeader({ crit: ["exp"] })],
  ["an unencoded payload", withHeader({ b64: false })],
  ["a kid of another device", (it) => withHeader({ kid: it.other.deviceId })(it)],
  ["a kid of no device", withHeader({ kid: `zid_${"A".repeat(22)}` })],
  ["a kid that is no ZID", withHeader({ kid: "__proto__" })],
  ["no kid", withHeader({ kid: undefined })],
  ["no typ", withHeader({ typ: undefined })],
  ["the typ of a proof", withHeader({ typ: "callseal-confirmation+jwt" })],
  ["another device's key", (it) => it.other.sign({ typ, kid: it.device.deviceId }, claimsOf(it))],
  ["a key that is enrolled nowhere", (it) => newSigner().sign({ typ, kid: it.device.deviceId }, claimsOf(it))],
  ["another issuer", withClaims((it) => ({ iss: it.other.deviceId }))],
  ["no issuer", withClaims(() => ({ iss: undefined }))],
  ["another audience", withClaims(() => ({ aud: "https://elsewhere.example" }))],
  ["the audience with a slash", withClaims((it) => ({ aud: `${it.deployment.publicUrl}/` }))],
  ["no iat", withClaims(() => ({ iat: undefined }))],
  ["no exp", withClaims(() => ({ exp: undefined }))],
  ["an exp that is a text", withClaims(() => ({ exp: String(nowSeconds() + 60) }))],
  ["a life of 61 seconds", withClaims(() => ({ iat: nowSeconds(), exp: nowSeconds() + 61 }))],
  ["an end before its beginning", withClaims(() => ({ iat: nowSeconds(), exp: nowSeconds() - 1 }))],
  ["its time over", withClaims(() => ({ iat: nowSeconds() - 60, exp: nowSeconds() - 1 }))],
  ["a beginning in an hour", withClaims(() => ({ iat: nowSeconds() + 3600, exp: nowSeconds() + 3660 }))],
  ["no jti", withClaims(() => ({ jti: undefined }))],
  ["an empty jti", withClaims(() => ({ jti: "" }))],
  ["a jti that is a number", withClaims(() => ({ jti: 7 }))],
  ["white space in the signature", ({ device }) => `${device.token().slice(0, -4)} ${device.token().slice(-3)}`],
  ["a line break at its end", ({ device }) => `${device.token()}\n`],
  ["one bit more than the signature has", ({ device }) => respell(device.token())],
  ["claims that were changed", (it) => swapClaims(it.device.token(), claimsOf(it))],
];

describe("a handshake", () => {
  test.each(["ES256", "EdDSA"] as const)("[D1] with a fresh token signed by %s opens the socket", async (algorithm) => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment, { algorithm });
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    expect(socket.raw.connected).toBe(true);
    expect((await socket.ask("claim", { did: "000000" })).code).toBe("wrong_did");
  });

  test("[D1] whose token is wrong in any respect is refused as unauthenticated", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment);
    const it = { deployment, device, other: await enrolDevice(deployment) };
    const refusals: Record<string, unknown> = {};
    for (const [name, forge] of attackers) {
      const attacker = forge(it);
      refusals[name] = await handshakeRefusal(
        openDeviceSocket(fixture, deployment.gateway, undefined, { token: attacker }),
      ).catch((error: unknown) => String(error));
    }
    const expected = { code: "unauthenticated", advice: "reauthenticate" };
    expect(refusals).toEqual(Object.fromEntries(attackers.map(([name]) => [name, expected])));
  });

  test("[D1] whose token names a member twice is refused", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment);
    const claims = JSON.stringify(claimsOf({ device, other: device, deployment }));
    const header = JSON.stringify({ alg: "ES256", typ, kid: device.deviceId });
    const open = (token: string) => openDeviceSocket(fixture, deployment.gateway, undefined, { token });
    expect((await open(signTexts(device.privateKey, header, claims))).raw.connected).toBe(true);
    const fresh = claims.replace(/"jti":"[^"]+"/, `"jti":"${randomUUID()}"`);
    for (const [h, c] of [
      [header, fresh.replace("{", '{"iss":"zid_x",')],
      [header.replace("{", '{"kid":"zid_x",'), fresh],
    ] as const) {
      expect(await handshakeRefusal(open(signTexts(device.privateKey, h, c)))).toMatchObject({
        code: "unauthenticated",
      });
    }
  });

  test("[D1] opens one socket a token, on whichever gateway it is tried again", async () => {
    const deployment = await fixture.start({ gateways: 2 });
    const device = await enrolDevice(deployment);
    const token = device.token();
    await openDeviceSocket(fixture, deployment.gateways[0]!, device, { token });
    for (const gateway of deployment.gateways)
      for (const spelling of [token, malleate(token)]) {
        const refusal = await handshakeRefusal(openDeviceSocket(fixture, gateway, device, { token: spelling }));
        expect(refusal).toEqual({ code: "unauthenticated", advice: "reauthenticate" });
      }
  });

  test("[D1] of a revoked or a disabled device says so, but only to whoever holds its key", async () => {
    const deployment = await fixture.start();
    const { core, gateway } = deployment;
    const stranger = await enrolDevice(deployment);
    for (const status of ["revoked", "disabled"]) {
      const device = await enrolDevice(deployment);
      await core.redis.hset(deviceKeys(core.keyspace, device.deviceId).device, "status", status);
      expect(await handshakeRefusal(openDeviceSocket(fixture, gateway, device))).toEqual({
        code: `device_${status}`,
        advice: "stop",
      });
      const attacker = stranger.sign({ typ, kid: device.deviceId }, claimsOf({ device, other: stranger, deployment }));
      expect(await handshakeRefusal(openDeviceSocket(fixture, gateway, undefined, { token: attacker }))).toEqual({
        code: "unauthenticated",
        advice: "reauthenticate",
      });
    }
  });

  test("[D1] is limited per device, and says how long to wait", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment);
    for (let handshakes = 0; handshakes < 60; handshakes += 1) {
      (await openDeviceSocket(fixture, deployment.gateway, device)).close();
    }
    expect(await handshakeRefusal(openDeviceSocket(fixture, deployment.gateway, device))).toEqual({
      code: "rate_limited",
      advice: "retry",
      retryAfterSeconds: expect.any(Number),
    });
    const other = await enrolDevice(deployment);
    expect((await openDeviceSocket(fixture, deployment.gateway, other)).raw.connected).toBe(true);
  });

  test("[D1] while Redis is away is refused as unavailable, to be tried again", async () => {
    const proxy = await startRedisProxy(fixture.core.url);
    fixture.closeAfter(() => proxy.close());
    const deployment = await fixture.start({ redisUrl: proxy.url, allowErrors: true });
    const device = await enrolDevice(deployment);
    proxy.holdFrom(/hgetall/i);
    const refused = handshakeRefusal(openDeviceSocket(fixture, deployment.gateway, device));
    await waitFor("its command is held", () => proxy.held > 0);
    const refusal = await refused;
    expect(refusal).toEqual({ code: "unavailable", advice: "retry", retryAfterSeconds: expect.any(Number) });
    proxy.release();
    expect((await openDeviceSocket(fixture, deployment.gateway, device)).raw.connected).toBe(true);
  });
});

describe("a revocation", () => {
  test("[D2] disconnects the device's sockets on every gateway and leaves the others", async () => {
    const deployment = await fixture.start({ gateways: 2 });
    const [first, second] = deployment.gateways as [(typeof deployment.gateways)[0], (typeof deployment.gateways)[0]];
    const device = await enrolDevice(deployment);
    const bystander = await enrolDevice(deployment);
    const sockets = await Promise.all([first, second, second].map((at) => openDeviceSocket(fixture, at, device)));
    const other = await openDeviceSocket(fixture, second, bystander);
    const gone = sockets.map(({ raw }) => new Promise<string>((left) => raw.once("disconnect", left)));
    const revoked = await send(first, `DELETE /admin/v1/devices/${device.deviceId}`, { key: deployment.keys.admin });
    expect(revoked.status).toBe(204);
    expect(await Promise.all(gone)).toEqual(["io server disconnect", "io server disconnect", "io server disconnect"]);
    expect((await other.ask("claim", { did: "000000" })).code).toBe("wrong_did");
    for (const gateway of deployment.gateways) {
      const refusal = await handshakeRefusal(openDeviceSocket(fixture, gateway, device));
      expect(refusal).toEqual({ code: "device_revoked", advice: "stop" });
    }
  });

  test("[D2] that a socket did not hear of leaves it nothing but device_revoked", async () => {
    const deployment = await fixture.start();
    const { core } = deployment;
    const device = await enrolDevice(deployment);
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    expect((await socket.ask("claim", { did: "no-code" })).code).toBe("wrong_did");
    await core.redis.hset(deviceKeys(core.keyspace, device.deviceId).device, "status", "revoked");
    expect(await socket.ask("claim", { did: "000000" })).toEqual({ ok: false, code: "device_revoked", advice: "stop" });
  });

  test("[D2] between a handshake and its room disconnects too", async () => {
    const proxy = await startRedisProxy(fixture.core.url);
    fixture.closeAfter(() => proxy.close());
    const deployment = await fixture.start({ redisUrl: proxy.url });
    const { core } = deployment;
    const device = await enrolDevice(deployment);
    // The first thing that a gateway asks about a device that it has let in.
    proxy.holdFrom(/hmget/i);
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    const gone = new Promise((left) => socket.raw.once("disconnect", left));
    await waitFor("the gateway asks how the device stands", () => proxy.held > 0);
    await core.redis.hset(deviceKeys(core.keyspace, device.deviceId).device, "status", "revoked");
    proxy.release();
    expect(await gone).toBe("io server disconnect");
  });
});
