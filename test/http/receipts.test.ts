import { createHash } from "node:crypto";
import { createLocalJWKSet, createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify } from "jose";
import { expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, testPublicUrl, useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";

const fixture = useGateways();

async function confirmedSession(deployment: Deployment, confirmAt = deployment.gateway) {
  const session = await openSession(deployment, { provider: "genesys" });
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, confirmAt, device);
  const { challenge } = await socket.ask("claim", { did: session.did });
  const proof = device.proof(challenge!, { did: session.did });
  await socket.ask("confirm", { proof });
  return { session, device, proof };
}

async function signingKeys(kid: string): Promise<{ kid: string; [member: string]: unknown }> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { ...(await exportJWK(privateKey)), kid };
}

test("[R1] the receipt of a confirmed session verifies with the published keys and has every claim", async () => {
  const deployment = await fixture.start();
  const { session, device, proof } = await confirmedSession(deployment);
  const status = (await session.get()).body;
  const jwks = createRemoteJWKSet(new URL(`${deployment.gateway.baseUrl}/.well-known/jwks.json`));
  const { payload, protectedHeader } = await jwtVerify(status.receipt, jwks, {
    issuer: testPublicUrl,
    audience: "acme",
    typ: "callseal-receipt+jwt",
    algorithms: ["ES256"],
  });
  expect(protectedHeader).toEqual({ alg: "ES256", kid: expect.any(String), typ: "callseal-receipt+jwt" });
  const confirmedAt = Math.floor(Date.parse(String(status["confirmedAt"])) / 1000);
  expect(payload).toEqual({
    iss: testPublicUrl,
    aud: "acme",
    sub: device.subjectId,
    jti: expect.stringMatching(/^rcp_.{20,}$/),
    iat: confirmedAt,
    exp: confirmedAt + 600,
    auth_time: confirmedAt,
    amr: ["mca", "swk", "user"],
    acr: "urn:callseal:acr:code",
    sid: session.sessionId,
    cid: session.callId,
    prv: "genesys",
    zid: device.deviceId,
    gen: 1,
    mth: "did",
    prf: createHash("sha256")
      .update(proof.slice(0, proof.lastIndexOf(".")))
      .digest("base64url"),
  });
});

test("[R2] every gateway issues a receipt with the same claims, and reading again gives the same receipt", async () => {
  const deployment = await fixture.start({ gateways: 2 });
  const { session } = await confirmedSession(deployment, deployment.gateways[1]);
  const keys = createLocalJWKSet((await send(deployment.gateway, "GET /.well-known/jwks.json")).body as never);
  const path = `GET /scramble/caller/v1/sessions/${session.sessionId}`;
  const claims = await Promise.all(
    deployment.gateways.map(async (gateway) => {
      const read = async () => (await send(gateway, path, { key: deployment.keys.sessions })).body.receipt;
      const receipt = await read();
      expect(await read()).toBe(receipt);
      return (await jwtVerify(receipt, keys)).payload;
    }),
  );
  expect(claims[0]).toEqual(claims[1]);
});

test("[R3] the published keys are public, cacheable, and keep a rotated key", async () => {
  const [current, former] = [await signingKeys("current"), await signingKeys("former")];
  const environment = { CALLSEAL_SIGNING_KEYS: JSON.stringify({ keys: [current, former] }) };
  const deployment = await fixture.start({ environment });
  const answer = await send(deployment.gateway, "GET /.well-known/jwks.json");
  expect(answer.status).toBe(200);
  expect(answer.headers["cache-control"]).toMatch(/^public, max-age=\d+$/);
  const shape = (kid: string) => ({
    kty: "EC",
    crv: "P-256",
    x: expect.any(String),
    y: expect.any(String),
    alg: "ES256",
    use: "sig",
    kid,
  });
  expect(answer.body["keys"]).toEqual([shape("current"), shape("former")]);
  const { session } = await confirmedSession(deployment);
  const { receipt } = (await session.get()).body;
  const verified = await jwtVerify(receipt, createLocalJWKSet(answer.body as never));
  expect(verified.protectedHeader.kid).toBe("current");
});
