import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ChallengeReader, verifyChallenge } from "../../client-sdk/src/device/verify-challenge.ts";
import { type KeySource, loadJwks } from "../../client-sdk/src/load-jwks.ts";
import { catchError } from "./catch-error.ts";
import { type StandInGateway, startStandInGateway } from "./stand-in-gateway.ts";

let gateway: StandInGateway;
let reader: ChallengeReader;
const readerOf = (keys: KeySource): ChallengeReader => ({
  keys,
  deviceId: "zid_1",
  gateway: "https://gateway.example",
});
beforeAll(async () => {
  gateway = await startStandInGateway();
  reader = readerOf(createLocalJWKSet({ keys: [gateway.publicJwk] }));
});
afterAll(() => gateway.stop());

test("[K12] a challenge that the gateway signed is returned as it was signed", async () => {
  const received = await gateway.challenge();
  expect(await verifyChallenge(received, reader)).toEqual(received);
});

test("[K12] members that were not signed are dropped", async () => {
  const received = { ...(await gateway.challenge()), urgent: "call +1 900 now" };
  expect(await verifyChallenge(received, reader)).not.toHaveProperty("urgent");
});

test("an anonymous caller and an unknown dialled number are null, whether left out or null", async () => {
  const absent = { aniMasked: undefined, dnis: undefined, aniMatchesDevice: undefined };
  const expected = { aniMasked: null, dnis: null, aniMatchesDevice: null };
  expect(await verifyChallenge(await gateway.challenge(absent), reader)).toMatchObject(expected);
  expect(await verifyChallenge({ ...(await gateway.challenge(absent)), ...expected }, reader)).toMatchObject(expected);
});

describe("[K12] a challenge that is not what was signed is never returned", () => {
  const changes = {
    sessionId: "csn_other",
    callId: "CA999",
    provider: "genesys",
    generation: 2,
    nonce: "other",
    expiresAt: "2030-01-01T00:00:00.000Z",
    organisation: "Acme Bank\u202e",
    dnis: "+19005551234",
    aniMasked: null,
    aniMatchesDevice: false,
  };
  test.each(Object.entries(changes))("changed %s", async (field, value) => {
    const attacker = { ...(await gateway.challenge()), [field]: value };
    expect((await catchError(verifyChallenge(attacker, reader))).code).toBe("invalid_challenge");
  });

  test.each(["sessionId", "generation", "nonce", "expiresAt", "organisation"])("%s missing in both", async (field) => {
    const attacker = await gateway.challenge({ [field]: undefined });
    expect((await catchError(verifyChallenge(attacker, reader))).code).toBe("invalid_challenge");
  });

  test.each([null, undefined, 7, "x", [], {}, { jws: 7 }, { jws: "" }, { jws: "a.b.c" }, { jws: "x".repeat(9000) }])(
    "%j",
    async (attacker) => {
      expect((await catchError(verifyChallenge(attacker, reader))).code).toBe("invalid_challenge");
    },
  );

  test("signed for another device, or by another gateway", async () => {
    for (const elsewhere of [{ aud: "zid_2" }, { aud: ["zid_1", "zid_2"] }, { iss: "https://attacker.example" }]) {
      const attacker = await gateway.challenge(elsewhere);
      expect((await catchError(verifyChallenge(attacker, reader))).code).toBe("invalid_challenge");
    }
    const ours = await gateway.challenge({ aud: "zid_1", iss: "https://gateway.example" });
    expect((await verifyChallenge(ours, reader)).callId).toBe("CA123");
  });

  test("signed as a receipt", async () => {
    const { jws: _, ...content } = await gateway.challenge();
    const attacker = { ...content, jws: await gateway.sign("callseal-receipt+jwt", content) };
    expect((await catchError(verifyChallenge(attacker, reader))).code).toBe("invalid_challenge");
  });

  test("signed by another key, with and without the gateway's key id", async () => {
    const { privateKey } = await generateKeyPair("ES256");
    const { jws: _, ...content } = await gateway.challenge();
    for (const kid of [gateway.publicJwk.kid ?? "", "unknown"]) {
      const header = { alg: "ES256", kid, typ: "callseal-challenge+jwt" };
      const attacker = { ...content, jws: await new SignJWT(content).setProtectedHeader(header).sign(privateKey) };
      expect((await catchError(verifyChallenge(attacker, reader))).code).toBe("invalid_challenge");
    }
  });

  test("unsigned, or keyed with the public key as a secret, or bringing its own key", async () => {
    const { jws: _, ...content } = await gateway.challenge();
    const typ = "callseal-challenge+jwt";
    const secret = new TextEncoder().encode(JSON.stringify(gateway.publicJwk));
    const own = await generateKeyPair("ES256", { extractable: true });
    const attackers = [
      new UnsecuredJWT(content).encode(),
      await new SignJWT(content).setProtectedHeader({ alg: "HS256", typ }).sign(secret),
      await new SignJWT(content)
        .setProtectedHeader({ alg: "ES256", typ, jwk: await exportJWK(own.publicKey) })
        .sign(own.privateKey),
    ];
    for (const jws of attackers) {
      expect((await catchError(verifyChallenge({ ...content, jws }, reader))).code).toBe("invalid_challenge");
    }
  });
});

describe("the gateway's keys", () => {
  test("are fetched once for many challenges", async () => {
    const source = loadJwks(`${gateway.url}/.well-known/jwks.json`);
    const before = gateway.keyFetches.count;
    for (let i = 0; i < 5; i++) await verifyChallenge(await gateway.challenge(), readerOf(source));
    expect(gateway.keyFetches.count - before).toBe(1);
  });

  test("that cannot be read are a network error, which is worth a retry, and no verdict on the challenge", async () => {
    const source = loadJwks(`${gateway.url}/.well-known/jwks.json`);
    gateway.keyFetches.failures = 1;
    const challenge = await gateway.challenge();
    const error = await catchError(verifyChallenge(challenge, readerOf(source)));
    expect([error.code, error.retryable]).toEqual(["network", true]);
    expect(await verifyChallenge(challenge, readerOf(source))).toEqual(challenge);
  });

  test.each(["not json", "[]", '{"keys":7}', "null"])("that are %s are a network error too", async (attacker) => {
    const source = loadJwks("https://gateway.example/jwks", { fetch: async () => new Response(attacker) });
    expect((await catchError(verifyChallenge(await gateway.challenge(), readerOf(source)))).code).toBe("network");
  });
});
