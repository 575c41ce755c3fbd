import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Acr, acrLadder, createReceiptVerifier, verifyReceipt } from "../../client-sdk/src/ivr/index.ts";
import { catchError } from "./catch-error.ts";

type SigningKey = Awaited<ReturnType<typeof makeKey>>;

async function makeKey(kid: string) {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  return { kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" } as JWK };
}

const nowSeconds = Math.floor(Date.now() / 1000);
const claims = {
  iss: "https://gateway.example",
  aud: "acme",
  sub: "suid_1",
  jti: "rcp_1",
  iat: nowSeconds,
  exp: nowSeconds + 600,
  auth_time: nowSeconds,
  amr: ["mca", "swk", "user"],
  acr: "urn:callseal:acr:match",
  sid: "csn_1",
  cid: "CA123",
  prv: "twilio",
  zid: "zid_1",
  gen: 1,
  mth: "push",
  prf: "hash",
};

let key: SigningKey;
let published: JWK[];
let server: Server;
let jwksUrl: string;
let downloads = 0;

beforeAll(async () => {
  key = await makeKey("key-1");
  published = [key.publicJwk];
  server = createServer((_request, response) => {
    downloads++;
    response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: published }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/jwks.json`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

function issue(
  changes: Record<string, unknown> = {},
  { by = key, typ = "callseal-receipt+jwt" } = {},
): Promise<string> {
  return new SignJWT({ ...claims, ...changes })
    .setProtectedHeader({ alg: "ES256", kid: by.kid, typ })
    .sign(by.privateKey);
}
const local = () => ({ jwks: { keys: [key.publicJwk] }, tenant: "acme" });

test("[K24] a genuine receipt of the expected call gives its claims", async () => {
  const expected = { sessionId: "csn_1", callId: "CA123", provider: "twilio" };
  const options = { ...local(), issuer: "https://gateway.example", expected };
  expect(await verifyReceipt(await issue(), options)).toEqual(claims);
});

describe("[K24] what is refused", () => {
  test.each([
    ["another tenant", { aud: "other" }],
    ["a list of tenants", { aud: ["acme"] }],
    ["another issuer", { iss: "https://attacker.example" }],
    ["an expired one", { iat: nowSeconds - 700, exp: nowSeconds - 100 }],
    ["one without an end", { exp: undefined }],
    ["another session", { sid: "csn_2" }],
    ["another call", { cid: "CA999" }],
    ["another provider", { prv: "genesys" }],
    ["no person", { sub: undefined }],
    ["an unknown strength", { acr: "urn:callseal:acr:best" }],
    ["no strength", { acr: undefined }],
  ])("%s", async (_name, changes) => {
    const expected = { sessionId: "csn_1", callId: "CA123", provider: "twilio" };
    const options = { ...local(), issuer: "https://gateway.example", expected };
    expect((await catchError(verifyReceipt(await issue(changes), options))).code).toBe("invalid_receipt");
  });

  test("a challenge, which the same key signs", async () => {
    const attacker = await issue({}, { typ: "callseal-challenge+jwt" });
    expect((await catchError(verifyReceipt(attacker, local()))).code).toBe("invalid_receipt");
  });

  test("one that is unsigned, keyed with the public key, signed by another, or of another algorithm", async () => {
    const typ = "callseal-receipt+jwt";
    const stranger = { ...(await makeKey("key-1")), kid: "key-1" };
    const eddsa = await generateKeyPair("EdDSA");
    const attackers = [
      new UnsecuredJWT(claims).encode(),
      await new SignJWT(claims)
        .setProtectedHeader({ alg: "HS256", kid: "key-1", typ })
        .sign(new TextEncoder().encode(JSON.stringify(key.publicJwk))),
      await issue({}, { by: stranger }),
      await new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", typ }).sign(eddsa.privateKey),
      `${await issue()}x`,
      (await issue()).replace(/\.[^.]+\./, (payload) => `${payload.slice(0, -2)}A.`),
    ];
    for (const attacker of attackers) {
      expect((await catchError(verifyReceipt(attacker, local()))).code).toBe("invalid_receipt");
    }
  });

  test("one by a key of another algorithm, even if it were published", async () => {
    const eddsa = await generateKeyPair("EdDSA");
    const jwks = { keys: [{ ...(await exportJWK(eddsa.publicKey)), kid: "key-2" }] };
    const header = { alg: "EdDSA", kid: "key-2", typ: "callseal-receipt+jwt" };
    const attacker = await new SignJWT(claims).setProtectedHeader(header).sign(eddsa.privateKey);
    expect((await catchError(verifyReceipt(attacker, { jwks, tenant: "acme" }))).code).toBe("invalid_receipt");
  });

  test.each(["", "a.b", "x".repeat(9000), null, undefined, 7, {}])("%j", async (attacker) => {
    expect((await catchError(verifyReceipt(attacker as string, local()))).code).toBe("invalid_receipt");
  });
});

test("[K25] a proof below the minimum is refused, on every rung of the ladder", async () => {
  const accepted: Record<string, Acr[]> = {};
  for (const minimumAcr of acrLadder) {
    accepted[minimumAcr] = [];
    for (const acr of acrLadder) {
      const verdict = await verifyReceipt(await issue({ acr }), { ...local(), minimumAcr }).catch(() => undefined);
      if (verdict) accepted[minimumAcr].push(acr);
    }
  }
  expect(accepted).toEqual(
    Object.fromEntries(acrLadder.map((minimum, rung) => [minimum, acrLadder.slice(0, rung + 1)])),
  );
});

test("[K26] a verifier downloads the keys once", async () => {
  const verify = createReceiptVerifier({ jwksUrl });
  downloads = 0;
  for (let i = 0; i < 5; i++) await verify(await issue(), { tenant: "acme" });
  expect(downloads).toBe(1);
});

test("[K26] keys that cannot be read are a network error and no verdict", async () => {
  const options = { jwksUrl: "http://127.0.0.1:1/jwks.json", tenant: "acme" };
  expect(await catchError(verifyReceipt(await issue(), options))).toMatchObject({ code: "network", retryable: true });
});

test("clocks may disagree by a few seconds", async () => {
  const receipt = await issue({ exp: nowSeconds });
  const currentDate = new Date((nowSeconds + 3) * 1000);
  await expect(verifyReceipt(receipt, { ...local(), currentDate })).resolves.toBeTruthy();
  const strict = verifyReceipt(receipt, { ...local(), currentDate, clockToleranceSeconds: 0 });
  expect((await catchError(strict)).code).toBe("invalid_receipt");
});

test("a verifier wants exactly one source of keys", async () => {
  expect((await catchError(() => createReceiptVerifier({}))).code).toBe("invalid_argument");
  expect((await catchError(() => createReceiptVerifier({ jwksUrl, jwks: { keys: [] } }))).code).toBe(
    "invalid_argument",
  );
});
