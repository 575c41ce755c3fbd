import { decodeProtectedHeader, importJWK, jwtVerify } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { enrol, type Fetch, type KeyStore, memoryKeyStore } from "../../client-sdk/src/device/index.ts";
import { catchError } from "./catch-error.ts";
import { type StandInGateway, startStandInGateway } from "./stand-in-gateway.ts";

let gateway: StandInGateway;
beforeAll(async () => {
  gateway = await startStandInGateway();
});
afterAll(() => gateway.stop());

const request = (keyStore: KeyStore) => ({
  gatewayUrl: gateway.url,
  activationCode: "good-code",
  keyStore,
  name: "Pixel 9",
  platform: "android",
});

test("[K13] enrolment proves possession of the key that it sends, and sends no private member", async () => {
  await enrol({ ...request(memoryKeyStore()), phone: "+14155550000" });
  const { publicJwk, proof, ...rest } = gateway.enrolments.at(-1) as {
    publicJwk: Record<string, string>;
    proof: string;
  };
  expect(rest).toEqual({ activationCode: "good-code", name: "Pixel 9", platform: "android", phone: "+14155550000" });
  expect(Object.keys(publicJwk)).toEqual(["kty", "crv", "x", "y"]);
  const { payload } = await jwtVerify(proof, await importJWK(publicJwk, "ES256"), {
    typ: "callseal-enrollment+jwt",
    audience: gateway.url,
  });
  expect(payload).toEqual({
    aud: gateway.url,
    code: "good-code",
    iat: expect.any(Number),
    exp: expect.any(Number),
    jti: expect.any(String),
  });
});

test("[K13] the identity is stored and can be loaded", async () => {
  const keyStore = memoryKeyStore();
  const enrolment = await enrol(request(keyStore));
  expect(enrolment).toMatchObject({
    subjectId: "suid_1",
    tenantId: "acme",
    gatewayUrl: gateway.url,
    audience: gateway.url,
  });
  expect((await keyStore.load())?.enrolment).toEqual(enrolment);
});

test("[K13] Ed25519 and a user-verifying key are enrolled where asked", async () => {
  const keyStore = memoryKeyStore();
  await enrol({ ...request(keyStore), algorithm: "EdDSA", userVerifyingKey: true });
  const body = gateway.enrolments.at(-1) as { publicJwk: object; uvJwk: object; proof: string };
  expect([body.publicJwk, body.uvJwk]).toMatchObject([{ crv: "Ed25519" }, { crv: "Ed25519" }]);
  expect(body.uvJwk).not.toEqual(body.publicJwk);
  expect(decodeProtectedHeader(body.proof).alg).toBe("EdDSA");
  expect((await keyStore.load())?.userVerifyingKey?.algorithm).toBe("EdDSA");
});

test("[K14] a refused enrolment leaves the device enrolled as before", async () => {
  const keyStore = memoryKeyStore();
  const before = await enrol(request(keyStore));
  const error = await catchError(enrol({ ...request(keyStore), activationCode: "used" }));
  expect(error).toMatchObject({
    code: "invalid_activation_code",
    status: 401,
    correlationId: "corr-1234",
    retryable: false,
  });
  expect((await keyStore.load())?.enrolment).toEqual(before);
});

test("[K14] a gateway that is not there is a network error, one that does not answer a timeout", async () => {
  const keyStore = memoryKeyStore();
  const unreachable = await catchError(enrol({ ...request(keyStore), gatewayUrl: "http://127.0.0.1:1" }));
  expect(unreachable.code).toBe("network");
  const silent: Fetch = (_url, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  expect((await catchError(enrol({ ...request(keyStore), fetch: silent, timeoutMs: 10 }))).code).toBe("timeout");
  expect(await keyStore.load()).toBeUndefined();
});

const attackers: [string, Response][] = [
  ["HTML", new Response("<html>", { status: 200 })],
  ["an array", new Response("[]")],
  ["no device", new Response('{"subjectId":"suid_1"}')],
  ["a device that is no id", new Response('{"deviceId":"zid_../../x","subjectId":"suid_1"}')],
  ["a number", new Response('{"deviceId":7,"subjectId":"suid_1"}')],
];
test.each(attackers)("an answer that is %s stores nothing", async (_name, attacker) => {
  const keyStore = memoryKeyStore();
  const error = await catchError(enrol({ ...request(keyStore), fetch: async () => attacker }));
  expect(error.code).toBe("invalid_response");
  expect(await keyStore.load()).toBeUndefined();
});

test.each([
  [502, "unavailable", true],
  [429, "rate_limited", true],
  [418, "invalid_response", false],
])("a proxy's own %i is %s", async (status, code, retryable) => {
  const fetch: Fetch = async () => new Response("<html>", { status, headers: { "retry-after": "7" } });
  const error = await catchError(enrol({ ...request(memoryKeyStore()), fetch }));
  expect(error).toMatchObject({ code, retryable, status, retryAfterSeconds: 7 });
});
