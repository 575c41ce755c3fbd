import { createHash } from "node:crypto";
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import { describe, expect, test } from "vitest";
import type { ChallengeLike } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";
import { enrolWithUv } from "./enrol-with-uv.ts";

const fixture = useGateways();
const phone = "+14155550123";

const code = (did: string) => ({ did });
const matched = (did: string) => ({ mth: "push", match: did.slice(-2) });
const coded = (did: string) => ({ mth: "push", did });
const tapped = () => ({ mth: "push" });

const ways = [
  { way: "the whole code", push: "off", answer: code, mth: "did", acr: "code", uvAcr: "code-mf" },
  { way: "the whole code over a push", push: "code", answer: coded, mth: "push", acr: "code", uvAcr: "code-mf" },
  { way: "two digits over a push", push: "match", answer: matched, mth: "push", acr: "match", uvAcr: "match" },
  { way: "a tap", push: "tap", answer: tapped, mth: "push", acr: "tap", uvAcr: "tap" },
] as const;

describe.each(ways)("a receipt for $way", ({ push, answer, mth, acr, uvAcr }) => {
  test.each([
    { key: "plain", claims: {}, expected: acr, amr: ["mca", "swk", "user"] },
    { key: "uv", claims: { uv: true }, expected: uvAcr, amr: ["mca", "swk", "user", "mfa"] },
    { key: "uv", claims: {}, expected: uvAcr, amr: ["mca", "swk", "user", "mfa"] },
  ] as const)("[R10] by the $key key with $claims says how strong that was", async ({ key, claims, expected, amr }) => {
    const deployment = await fixture.start({ tenants: [testTenant({ policy: { push } })] });
    const device = await enrolWithUv(deployment, { phones: [phone] });
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    const { did, sessionId, callId, get } = await openSession(deployment, { ani: phone });
    const challenge =
      push === "off"
        ? (await socket.ask("claim", { did })).challenge!
        : ((await socket.next("offer"))["challenge"] as ChallengeLike);
    const proof = device.issue(key, "callseal-confirmation+jwt", {
      sid: sessionId,
      cid: callId,
      prv: "generic",
      gen: 1,
      nonce: challenge.nonce,
      dec: "confirm",
      ...answer(did),
      ...claims,
    });
    const ack = await socket.ask("confirm", { proof });
    expect(ack).toEqual({ ok: true, sessionId, status: "confirmed", confirmedAt: expect.any(String) });
    const { receipt, ...document } = (await get()).body;
    expect(document).toMatchObject({ method: mth, deviceId: device.deviceId, confirmedAt: ack.confirmedAt });
    const confirmedAt = Math.floor(Date.parse(ack.confirmedAt!) / 1000);
    expect(await verifyReceipt(deployment, receipt)).toEqual({
      iss: deployment.publicUrl,
      aud: "acme",
      sub: device.subjectId,
      jti: expect.any(String),
      iat: confirmedAt,
      exp: confirmedAt + 600,
      auth_time: confirmedAt,
      amr,
      acr: `urn:callseal:acr:${expected}`,
      sid: sessionId,
      cid: callId,
      prv: "generic",
      zid: device.deviceId,
      gen: 1,
      mth,
      prf: createHash("sha256")
        .update(proof.slice(0, proof.lastIndexOf(".")))
        .digest("base64url"),
    });
  });
});

test.each([
  { plain: "ES256", uv: "EdDSA" },
  { plain: "EdDSA", uv: "ES256" },
] as const)(
  "[R10] user verification holds for a $plain device with a $uv key too, and never by the plain key",
  async (kinds) => {
    const deployment = await fixture.start();
    const device = await enrolWithUv(deployment, kinds);
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    const { did, get } = await openSession(deployment);
    const { sessionId, callId, nonce } = (await socket.ask("claim", { did })).challenge!;
    const claims = { sid: sessionId, cid: callId, prv: "generic", gen: 1, nonce, dec: "confirm", did, uv: true };
    const attacker = device.issue("plain", "callseal-confirmation+jwt", claims);
    expect((await socket.ask("confirm", { proof: attacker })).code).toBe("invalid_proof");
    const proof = device.issue("uv", "callseal-confirmation+jwt", claims);
    expect((await socket.ask("confirm", { proof })).status).toBe("confirmed");
    expect(await verifyReceipt(deployment, (await get()).body.receipt)).toMatchObject({
      acr: "urn:callseal:acr:code-mf",
    });
  },
);

async function verifyReceipt(deployment: Parameters<typeof openSession>[0], receipt: string): Promise<JWTPayload> {
  const jwks = (await send(deployment.gateway, "GET /.well-known/jwks.json")).body as unknown as JSONWebKeySet;
  const { payload } = await jwtVerify(receipt, createLocalJWKSet(jwks), {
    algorithms: ["ES256"],
    typ: "callseal-receipt+jwt",
    issuer: deployment.publicUrl,
    audience: "acme",
  });
  return payload;
}
