import { compactVerify, decodeJwt, importJWK, jwtVerify } from "jose";
import { describe, expect, test } from "vitest";
import { type DeviceKey, type KeyAlgorithm, memoryKeyStore } from "../../client-sdk/src/device/index.ts";
import type { ProofClaims } from "../../client-sdk/src/device/protocol.ts";
import { repeatProof } from "../../client-sdk/src/device/repeat-proof.ts";
import { signJws } from "../../client-sdk/src/device/sign-jws.ts";
import { signProof } from "../../client-sdk/src/device/sign-proof.ts";
import { signToken } from "../../client-sdk/src/device/sign-token.ts";
import { parseJws } from "../../core/devices/verify-jws.ts";
import { catchError } from "./catch-error.ts";

const makeKey = (algorithm: KeyAlgorithm = "ES256") => memoryKeyStore().generateKey({ algorithm, purpose: "device" });
const nowMs = Date.parse("2026-01-01T00:00:00.500Z");
const iat = nowMs / 1000 - 0.5;
const answer: ProofClaims = {
  sid: "csn_1",
  cid: "CA123",
  prv: "twilio",
  gen: 1,
  nonce: "nonce-1",
  dec: "confirm",
  did: "123456",
};
const device = { deviceId: "zid_1", audience: "https://gateway.example" };

describe.each<KeyAlgorithm>(["ES256", "EdDSA"])("with %s", (algorithm) => {
  test("[K4] a proof carries the claims of PROTOCOL §4 and nothing else, signed by the device key", async () => {
    const key = await makeKey(algorithm);
    const proof = await signProof({ key, ...device, answer, jti: "jti-1", nowMs });
    const { payload, protectedHeader } = await compactVerify(proof, await importJWK(key.publicJwk, algorithm));
    expect(protectedHeader).toEqual({ alg: algorithm, typ: "callseal-confirmation+jwt", kid: "zid_1" });
    expect(JSON.parse(new TextDecoder().decode(payload))).toEqual({
      iss: "zid_1",
      aud: "https://gateway.example",
      iat,
      exp: iat + 60,
      jti: "jti-1",
      ...answer,
    });
  });

  test("[K4] a proof has the shape that the gateway asks for", async () => {
    const key = await makeKey(algorithm);
    const proof = await signProof({ key, ...device, answer, jti: "jti-1", nowMs });
    expect(parseJws(proof)?.header.kid).toBe("zid_1");
    expect(proof).toMatch(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}$/);
  });

  test("[K5] a handshake token is single-use and good for 60 seconds", async () => {
    const key = await makeKey(algorithm);
    const tokens = await Promise.all([1, 2].map(() => signToken({ key, ...device, nowMs })));
    const [first, second] = tokens.map((token) => decodeJwt(token));
    expect(first).toMatchObject({ iss: "zid_1", aud: "https://gateway.example", iat, exp: iat + 60 });
    expect(first?.jti).not.toBe(second?.jti);
    const options = { typ: "callseal-device+jwt", currentDate: new Date(nowMs) };
    await expect(jwtVerify(tokens[0] ?? "", await importJWK(key.publicJwk, algorithm), options)).resolves.toBeTruthy();
  });
});

describe("repeated proof", () => {
  test("[K6] the same proof is given for every attempt until five seconds before it expires", async () => {
    const proofAt = repeatProof({ key: await makeKey(), ...device, answer });
    const first = await proofAt(nowMs);
    expect(await proofAt(nowMs + 54_999)).toBe(first);
    expect(await proofAt(nowMs + 55_000)).not.toBe(first);
  });

  test("[K6] a proof that is signed again keeps its jti and its answer", async () => {
    const proofAt = repeatProof({ key: await makeKey(), ...device, answer });
    const [first, second] = [decodeJwt(await proofAt(nowMs)), decodeJwt(await proofAt(nowMs + 58_000))];
    expect(second).toEqual({ ...first, iat: iat + 58, exp: iat + 118 });
  });

  test("[K6] a user-verifying key asks its person once for all attempts", async () => {
    const key = await makeKey();
    let asked = 0;
    const asking: DeviceKey = {
      ...key,
      sign: (data) => {
        asked++;
        return key.sign(data);
      },
    };
    const proofAt = repeatProof({ key: asking, ...device, answer });
    for (let attempt = 0; attempt < 10; attempt++) await proofAt(nowMs + attempt * 1000);
    expect(asked).toBe(1);
  });
});

test("a proof above 4 KiB is refused before it is sent", async () => {
  const attacker = { ...answer, cid: "C".repeat(4000) };
  const error = await catchError(signProof({ key: await makeKey(), ...device, answer: attacker, jti: "j", nowMs }));
  expect(error.code).toBe("invalid_argument");
});

test("a platform key that signs in DER is refused", async () => {
  const key: DeviceKey = { ...(await makeKey()), sign: async () => new Uint8Array(71) };
  const error = await catchError(signJws({ key, typ: "callseal-device+jwt", claims: {} }));
  expect(error.code).toBe("key_store");
});

test("what is signed is the UTF-8 of the header and the claims", async () => {
  const key = await makeKey("EdDSA");
  const jws = await signJws({ key, typ: "callseal-enrollment+jwt", claims: { code: "é🔑" } });
  const [, payload] = jws.split(".");
  expect(Buffer.from(payload ?? "", "base64url").toString("utf8")).toBe('{"code":"é🔑"}');
});
