import { generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify } from "jose";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../core/config/config.ts";
import { createSigner } from "../../../core/keys/signer.ts";

const newKey = (): JsonWebKey =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
const jwks = (...keys: unknown[]) => JSON.stringify({ keys });

describe("signing keys", () => {
  test("[C50] the first signs, all are published, and nothing private with them", async () => {
    const [first, second] = [newKey(), { ...newKey(), kid: "older" }];
    const signer = await createSigner(jwks(first, second));
    const token = await signer.sign("callseal-receipt+jwt", { sub: "suid_1" });
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(signer.jwks as never));
    expect(payload).toEqual({ sub: "suid_1" });
    expect(protectedHeader).toEqual({ alg: "ES256", kid: signer.jwks.keys[0]!.kid, typ: "callseal-receipt+jwt" });
    expect(signer.jwks.keys[1]!.kid).toBe("older");
    expect(JSON.stringify(signer.jwks)).not.toMatch(/"d":/);
    for (const key of [first, second]) expect(JSON.stringify(signer.jwks)).not.toContain(key.d!);
  });

  test("[C50] a key without a kid gets the same one in every process (RFC 7638)", async () => {
    const key = newKey();
    const [one, other] = await Promise.all([createSigner(jwks(key)), createSigner(jwks(key))]);
    expect(one.jwks).toEqual(other.jwks);
    expect(one.jwks.keys[0]!.kid).toBe(await calculateJwkThumbprint(one.jwks.keys[0]!));
  });

  const right = newKey();
  const { d: _private, ...publicOnly } = right;
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
  const attacker: [name: string, text: string][] = [
    ["an empty text", ""],
    ["no JSON", "hunter2"],
    ["a list", JSON.stringify([right])],
    ["one key without a set", JSON.stringify(right)],
    ["no keys", jwks()],
    ["eleven keys", jwks(...Array.from({ length: 11 }, () => right))],
    ["a public key", jwks(publicOnly)],
    ["a public key after a right one", jwks(right, publicOnly)],
    ["an RSA key", jwks(rsa)],
    ["an Ed25519 key", jwks(generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" }))],
    ["a P-384 key", jwks(generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey.export({ format: "jwk" }))],
    ["a private number that is none", jwks({ ...right, d: "hunter2" })],
    ["a private number of zero", jwks({ ...right, d: Buffer.alloc(32).toString("base64url") })],
    ["another key's private number", jwks({ ...right, d: newKey().d })],
    ["a point off the curve", jwks({ ...right, y: right.x })],
    ["a kid that is no text", jwks({ ...right, kid: 7 })],
    ["an empty kid", jwks({ ...right, kid: "" })],
  ];

  test.each(attacker)("[C50] %s is one fault that repeats no key", async (_, text) => {
    const error = await createSigner(text).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ConfigError);
    const { faults, message } = error as ConfigError;
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^CALLSEAL_SIGNING_KEYS: /);
    expect(message).not.toContain("hunter2");
    expect(message).not.toContain(right.d!);
  });
});
