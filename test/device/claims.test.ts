import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { describe, expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";
import { expire, recordOf } from "../support/verified-call.ts";

const fixture = useGateways();
const phone = "+14155550123";
const quiet = testTenant({ policy: { push: "off" }, limits: { wrongDidsPer10Min: 1000 } });

async function start() {
  const deployment = await fixture.start({ tenants: [quiet] });
  const device = await enrolDevice(deployment, { phones: [phone] });
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  return { deployment, device, socket };
}

describe("a challenge", () => {
  test("[D7] shows the call and nothing else, and is signed as it stands", async () => {
    const { deployment, device, socket } = await start();
    const call = { ani: phone, dnis: "+18005551234", callId: "CA-1", metadata: { crmCaseId: "CASE-1" } };
    const { did, sessionId, created } = await openSession(deployment, call);
    const ack = await socket.ask("claim", { did });
    expect(ack).toEqual({
      ok: true,
      challenge: {
        sessionId,
        callId: "CA-1",
        provider: "generic",
        generation: 1,
        nonce: expect.stringMatching(/^[A-Za-z0-9_-]{22,}$/),
        expiresAt: created.body.expiresAt,
        organisation: "Acme Bank",
        dnis: "+18005551234",
        aniMasked: "+1********23",
        aniMatchesDevice: true,
        jws: expect.any(String),
      },
    });
    const { jws, ...plain } = ack.challenge!;
    const jwks = (await send(deployment.gateway, "GET /.well-known/jwks.json")).body as unknown as JSONWebKeySet;
    const { payload } = await jwtVerify(String(jws), createLocalJWKSet(jwks), {
      algorithms: ["ES256"],
      typ: "callseal-challenge+jwt",
    });
    const { iss, aud, iat, exp, ...signed } = payload;
    expect(signed).toEqual(plain);
    expect({ iss, aud }).toEqual({ iss: deployment.publicUrl, aud: device.deviceId });
    expect(exp! * 1000).toBeGreaterThanOrEqual(Date.parse(created.body.expiresAt));
    expect(iat).toBeLessThan(exp!);
    expect(JSON.stringify({ plain, payload })).not.toContain(did);
  });

  test("[D7] of an anonymous caller has no number, and matches no device", async () => {
    const { deployment, socket } = await start();
    const { did } = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did });
    expect(challenge).toMatchObject({ aniMatchesDevice: false });
    expect(Object.keys(challenge!)).not.toEqual(expect.arrayContaining(["aniMasked"]));
    expect(Object.keys(challenge!)).not.toEqual(expect.arrayContaining(["dnis"]));
  });

  test.each([
    { name: "the device's own number", own: phone, ani: phone, matches: true },
    { name: "another of the subject's numbers than the device's own", own: phone, ani: "+14155550199", matches: false },
    { name: "any number of the subject, for a device without one", own: undefined, ani: "+14155550199", matches: true },
    { name: "somebody else's number", own: undefined, ani: "+14155550000", matches: false },
  ])("[D7] compares the caller's number with $name", async ({ own, ani, matches }) => {
    const { deployment } = await start();
    const options = { phones: [phone, "+14155550199"], ...(own === undefined ? {} : { phone: own }) };
    const device = await enrolDevice(deployment, options);
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    const { did } = await openSession(deployment, { ani });
    expect((await socket.ask("claim", { did })).challenge).toMatchObject({ aniMatchesDevice: matches });
  });

  test("[D7] is the same for a claim that is repeated, and another for another device", async () => {
    const { deployment, socket } = await start();
    const other = await openDeviceSocket(fixture, deployment.gateway, await enrolDevice(deployment));
    const { did } = await openSession(deployment);
    const first = (await socket.ask("claim", { did })).challenge!;
    expect((await socket.ask("claim", { did })).challenge!.nonce).toBe(first.nonce);
    expect((await other.ask("claim", { did })).challenge!.nonce).not.toBe(first.nonce);
  });
});

describe("a claim", () => {
  test("[D8] of another person's call is a subject_mismatch, and so is that person's proof stolen", async () => {
    const { deployment, device, socket } = await start();
    const friend = await enrolDevice(deployment);
    const friends = await openDeviceSocket(fixture, deployment.gateway, friend);
    const { did, get } = await openSession(deployment, { expectedSubject: device.subjectId });
    const mismatch = { ok: false, code: "subject_mismatch", advice: "stop" };
    expect(await friends.ask("claim", { did })).toEqual(mismatch);
    const { challenge } = await socket.ask("claim", { did });
    expect((await friends.ask("confirm", { proof: friend.proof(challenge!, { did }) })).ok).toBe(false);
    expect((await get()).body.status).toBe("pending");
    expect((await socket.ask("confirm", { proof: device.proof(challenge!, { did }) })).status).toBe("confirmed");
  });

  test("[D8] of a code that no pending session has is wrong_did and leaves every session as it was", async () => {
    const { deployment, socket } = await start();
    const sessions = [await openSession(deployment), await openSession(deployment)];
    const ended = await openSession(deployment);
    await ended.post("cancel");
    const before = await Promise.all(sessions.map(({ sessionId }) => recordOf(deployment.core, sessionId)));
    const taken = new Set(sessions.map(({ did }) => did));
    const free = ["000000", "111111", "222222"].find((did) => !taken.has(did))!;
    const attackers = [
      free,
      ended.did,
      "",
      "12345",
      "12345678901",
      "123 456",
      "１２３４５６",
      "ghijkl",
      "-0000x",
      "\u0000",
    ];
    for (const attacker of attackers) {
      expect(await socket.ask("claim", { did: attacker })).toEqual({ ok: false, code: "wrong_did", advice: "stop" });
    }
    expect(await Promise.all(sessions.map(({ sessionId }) => recordOf(deployment.core, sessionId)))).toEqual(before);
  });

  test("[D8] of a code whose time is over is expired", async () => {
    const { deployment, socket } = await start();
    const { did, sessionId } = await openSession(deployment);
    await expire(deployment.core, sessionId);
    expect(await socket.ask("claim", { did })).toEqual({ ok: false, code: "expired", advice: "stop" });
  });

  test("[D8] finds no other tenant's call", async () => {
    const tenants = [testTenant(), testTenant({ id: "globex" })];
    const deployment = await fixture.start({ tenants });
    const stranger = await enrolDevice(deployment, { adminKey: tenants[1]!.keys.admin });
    const socket = await openDeviceSocket(fixture, deployment.gateway, stranger);
    const { did } = await openSession(deployment);
    expect((await socket.ask("claim", { did })).code).toBe("wrong_did");
  });

  test("[D8] reaches a session of the other gateway", async () => {
    const deployment = await fixture.start({ gateways: 2 });
    const device = await enrolDevice(deployment);
    const socket = await openDeviceSocket(fixture, deployment.gateways[1]!, device);
    const { did, sessionId } = await openSession(deployment);
    expect((await socket.ask("claim", { did })).challenge).toMatchObject({ sessionId });
  });
});
