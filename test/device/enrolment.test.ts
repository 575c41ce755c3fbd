import { generateKeyPairSync, randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { activationKey } from "../../core/redis/keys.ts";
import { activationCode, enrolDevice, newSigner, nowSeconds } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { type Answer, send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";
import { malleate, respell, segment, signHmac, signTexts, swapClaims } from "./forge.ts";

const fixture = useGateways();
const phone = "+14155550123";
const line = "POST /scramble/device/v1/enrollments";
const tireless = () => testTenant({ limits: { enrollmentsPerHourPerAddress: 10_000 } });

type Signer = ReturnType<typeof newSigner>;

interface Facts {
  deployment: Deployment;
  code: string;
  signer: Signer;
}

function claimsOf({ deployment, code }: Facts, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { aud: deployment.publicUrl, code, iat: nowSeconds(), jti: randomUUID(), ...more };
}

function bodyOf(it: Facts, more: Record<string, unknown> = {}): Record<string, unknown> {
  const { code, signer } = it;
  return {
    activationCode: code,
    publicJwk: signer.publicJwk,
    name: "Pixel 9",
    platform: "android",
    proof: signer.sign({ typ: "callseal-enrollment+jwt" }, claimsOf(it)),
    ...more,
  };
}

async function start(options: Parameters<typeof activationCode>[1] = {}): Promise<Facts & { subjectId: string }> {
  const deployment = await fixture.start({ tenants: [tireless()] });
  return { deployment, signer: newSigner(), ...(await activationCode(deployment, options)) };
}

const enrol = (it: Facts, more: Record<string, unknown> = {}) =>
  send(it.deployment.gateway, line, { json: bodyOf(it, more) });

async function listDevices(deployment: Deployment, subjectId: string): Promise<Record<string, unknown>[]> {
  const answer = await send(deployment.gateway, `GET /admin/v1/subjects/${subjectId}/devices`, {
    key: deployment.keys.admin,
  });
  return answer.body["devices"] as Record<string, unknown>[];
}

const faultOf = ({ status, body }: Answer) => ({
  status,
  code: body.code,
  pointers: body.errors?.map((one) => one.pointer),
});

describe("an enrolment", () => {
  test.each(["ES256", "EdDSA"] as const)(
    "[E1] with a code and a proof by its %s key makes a device of the code's subject",
    async (algorithm) => {
      const deployment = await fixture.start();
      const { subjectId, code } = await activationCode(deployment, { phones: [phone] });
      const it = { deployment, code, signer: newSigner(algorithm) };
      const answer = await enrol(it, { phone });
      expect(answer.status).toBe(201);
      expect(answer.headers["cache-control"]).toBe("no-store");
      expect(answer.body).toEqual({
        deviceId: expect.stringMatching(/^zid_[A-Za-z0-9_-]{22}$/),
        subjectId,
        tenant: "acme",
      });
      expect(await listDevices(deployment, subjectId)).toEqual([
        {
          deviceId: answer.body["deviceId"],
          name: "Pixel 9",
          platform: "android",
          phone,
          status: "active",
          createdAt: expect.any(String),
          lastSeenAt: null,
        },
      ]);
    },
  );

  test("[E1] may leave typ out, give an end, and be almost five minutes old", async () => {
    const deployment = await fixture.start();
    for (const claims of [{}, { exp: nowSeconds() + 60 }, { iat: nowSeconds() - 290 }]) {
      const it = { deployment, signer: newSigner(), ...(await activationCode(deployment)) };
      expect((await enrol(it, { proof: it.signer.sign({}, claimsOf(it, claims)) })).status).toBe(201);
    }
  });

  test("[E1] keeps of a key what makes the key, and nothing that came with it", async () => {
    const it = await start();
    const publicJwk = { ...it.signer.publicJwk, kid: "mine", use: "sig", note: "x" };
    const { status, body } = await enrol(it, { publicJwk });
    expect(status).toBe(201);
    const record = await it.deployment.core.devices.readDevice(String(body["deviceId"]));
    expect(Object.keys(JSON.parse(record!.publicJwk)).sort()).toEqual(["crv", "kty", "x", "y"]);
  });
});

type Forge = (it: Facts) => unknown;
const claims =
  (more: Record<string, unknown>): Forge =>
  (it) =>
    it.signer.sign({}, claimsOf(it, more));
const header =
  (more: Record<string, unknown>): Forge =>
  (it) =>
    it.signer.sign(more, claimsOf(it));

const proofs: [name: string, forge: Forge][] = [
  ["nothing", () => undefined],
  ["null", () => null],
  ["an empty text", () => ""],
  ["a text that is no JWS", () => "x.y.z"],
  ["another key's", (it) => newSigner().sign({}, claimsOf(it))],
  ["alg none", (it) => `${segment('{"alg":"none"}')}.${segment(JSON.stringify(claimsOf(it)))}.`],
  ["alg none with a signature", header({ alg: "none" })],
  ["HS256 with the public key", (it) => signHmac(JSON.stringify(it.signer.publicJwk), { alg: "HS256" }, claimsOf(it))],
  ["HS512 with the public key", (it) => signHmac(JSON.stringify(it.signer.publicJwk), { alg: "HS512" }, claimsOf(it))],
  ["an embedded key", (it) => it.signer.sign({ jwk: it.signer.publicJwk }, claimsOf(it))],
  ["a jku", header({ jku: "https://attacker.example" })],
  ["an x5c", header({ x5c: ["MIIB"] })],
  ["a critical extension", header({ crit: ["exp"] })],
  ["an unencoded payload", header({ b64: false })],
  ["the typ of a token", header({ typ: "callseal-device+jwt" })],
  ["the typ of a proof of a call", header({ typ: "callseal-confirmation+jwt" })],
  ["another audience", claims({ aud: "https://elsewhere.example" })],
  ["no audience", claims({ aud: undefined })],
  ["another code", claims({ code: "another-code" })],
  ["no code", claims({ code: undefined })],
  ["no iat", claims({ iat: undefined })],
  ["an iat that is a text", claims({ iat: "0" })],
  ["six minutes of age", claims({ iat: nowSeconds() - 360 })],
  ["a beginning in an hour", claims({ iat: nowSeconds() + 3600 })],
  ["its time over", claims({ exp: nowSeconds() - 1 })],
  ["no jti", claims({ jti: undefined })],
  ["a jti that is a number", claims({ jti: 7 })],
  ["white space in its signature", (it) => `${String(header({})(it)).slice(0, -5)} ${"A".repeat(4)}`],
  ["one bit more than its signature has", (it) => respell(String(header({})(it)))],
  ["claims that were changed", (it) => swapClaims(String(header({})(it)), claimsOf(it))],
  [
    "a member twice",
    (it) =>
      signTexts(it.signer.privateKey, '{"alg":"ES256"}', JSON.stringify(claimsOf(it)).replace("{", '{"code":"x",')),
  ],
  ["more than 4 KiB", claims({ padding: "x".repeat(4000) })],
];

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ format: "jwk" });
const x25519 = generateKeyPairSync("x25519").publicKey.export({ format: "jwk" });
const secret = newSigner().privateKey.export({ format: "jwk" });
const edSecret = newSigner("EdDSA").privateKey.export({ format: "jwk" });
const { x, y } = newSigner().publicJwk;

const keys: [name: string, jwk: unknown][] = [
  ["nothing", undefined],
  ["null", null],
  ["a text", "-----BEGIN PUBLIC KEY-----"],
  ["an array", []],
  ["an empty object", {}],
  ["an RSA key", rsa],
  ["a key of another curve", p384],
  ["a key that signs nothing", x25519],
  ["a shared secret", { kty: "oct", k: "AAAA" }],
  ["a P-256 key with its private member", secret],
  ["an Ed25519 key with its private member", edSecret],
  ["a private member that is null", { ...newSigner().publicJwk, d: null }],
  ["a P-256 key without y", { kty: "EC", crv: "P-256", x }],
  ["an Ed25519 key with a y", { ...newSigner("EdDSA").publicJwk, y }],
  ["a kty of the other curve", { kty: "OKP", crv: "P-256", x, y }],
  ["a point that is not on the curve", { kty: "EC", crv: "P-256", x, y: x }],
  ["the point at infinity", { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) }],
  ["a coordinate that is too long", { kty: "EC", crv: "P-256", x: `${x}A`, y }],
  ["a coordinate in other base64", { kty: "EC", crv: "P-256", x: `${String(x).slice(0, -1)}+`, y }],
  ["a coordinate that is a number", { kty: "EC", crv: "P-256", x: 7, y }],
  ["a polluting member", { constructor: { prototype: { kty: "EC" } }, crv: "P-256" }],
];

const bodies: [name: string, more: Record<string, unknown>, pointer: string][] = [
  ["no name", { name: undefined }, "/name"],
  ["an empty name", { name: "" }, "/name"],
  ["a name of 129 characters", { name: "x".repeat(129) }, "/name"],
  ["a name that is an object", { name: {} }, "/name"],
  ["no platform", { platform: undefined }, "/platform"],
  ["a platform of 33 characters", { platform: "x".repeat(33) }, "/platform"],
  ["a phone that is no number", { phone: "4155550123" }, "/phone"],
  ["a phone that is a number", { phone: 14155550123 }, "/phone"],
  ["no activation code", { activationCode: undefined }, "/activationCode"],
  ["an activation code of 129 characters", { activationCode: "x".repeat(129) }, "/activationCode"],
  ["a field that nobody knows", { tenant: "globex" }, "/tenant"],
  ["a subject of its own choice", { subjectId: "suid_x" }, "/subjectId"],
];

describe("a refused enrolment", () => {
  test("[E2] with any wrong proof is a 400 that makes no device, and the code stays good", async () => {
    const it = await start();
    const faults: Record<string, unknown> = {};
    for (const [name, forge] of proofs) faults[name] = faultOf(await enrol(it, { proof: forge(it) }));
    const expected = { status: 400, code: "invalid_request", pointers: ["/proof"] };
    expect(faults).toEqual(Object.fromEntries(proofs.map(([name]) => [name, expected])));
    expect(await listDevices(it.deployment, it.subjectId)).toEqual([]);
    expect((await enrol(it)).status).toBe(201);
  });

  test.each(["publicJwk", "uvJwk"])(
    "[E2] with a %s that is no public P-256 or Ed25519 key is a 400, and the code stays good",
    async (member) => {
      const it = await start();
      for (const [name, attacker] of keys) {
        if (attacker === undefined && member === "uvJwk") continue;
        const answer = await enrol(it, { [member]: attacker });
        expect({ name, status: answer.status, code: answer.body.code }).toEqual({
          name,
          status: 400,
          code: "invalid_request",
        });
        expect(answer.body.errors.every(({ pointer }) => pointer.startsWith(`/${member}`))).toBe(true);
      }
      expect((await enrol(it)).status).toBe(201);
    },
  );

  test("[E2] with a key that no private key belongs to is a 400", async () => {
    const it = await start();
    const publicJwk = { kty: "OKP", crv: "Ed25519", x: Buffer.alloc(32, 2).toString("base64url") };
    expect(faultOf(await enrol(it, { publicJwk }))).toMatchObject({ status: 400, pointers: ["/proof"] });
  });

  test("[E2] with the device key for its user-verifying key is a 400: nobody unlocks that", async () => {
    const it = await start();
    const fault = faultOf(await enrol(it, { uvJwk: it.signer.publicJwk }));
    expect(fault).toEqual({ status: 400, code: "invalid_request", pointers: ["/uvJwk"] });
    expect((await enrol(it, { uvJwk: newSigner("EdDSA").publicJwk })).status).toBe(201);
  });

  test("[E2] with a wrong body names the field, and the code stays good", async () => {
    const it = await start();
    for (const [name, attacker, pointer] of bodies) {
      const fault = faultOf(await enrol(it, attacker));
      expect({ name, ...fault }).toEqual({ name, status: 400, code: "invalid_request", pointers: [pointer] });
    }
    expect((await enrol(it)).status).toBe(201);
  });

  test.each([
    ["another media type", { body: "a=1", headers: { "content-type": "text/plain" } }, 415],
    ["broken JSON", { body: "{", headers: { "content-type": "application/json" } }, 400],
    ["a body above 16 KiB", { json: { name: "x".repeat(17_000) } }, 413],
    ["no body", {}, 400],
    ["an array", { json: [] }, 400],
  ])("[E2] with %s is refused", async (_name, attacker, status) => {
    const { deployment } = await start();
    expect((await send(deployment.gateway, line, attacker)).status).toBe(status);
  });
});

describe("an activation code", () => {
  test("[E3] that is unknown, used or expired is the same 401", async () => {
    const used = await start();
    expect((await enrol(used)).status).toBe(201);
    const expired = { ...used, ...(await activationCode(used.deployment)) };
    const { core } = used.deployment;
    expect(await core.redis.del(activationKey(core.keyspace, expired.code))).toBe(1);
    const unknown = { ...used, code: "A".repeat(20) };
    const answers = [];
    for (const it of [used, expired, unknown]) answers.push(await enrol(it));
    const plain = answers.map(({ status, body: { correlationId: _, ...body } }) => ({ status, body }));
    expect(plain).toEqual(Array.from({ length: 3 }, () => plain[0]));
    expect(plain[0]).toMatchObject({ status: 401, body: { code: "invalid_activation_code" } });
  });

  test("[E3] lives a quarter of an hour, and is kept as a hash", async () => {
    const { deployment, code } = await start();
    const { core } = deployment;
    const lifetime = await core.redis.ttl(activationKey(core.keyspace, code));
    expect(lifetime).toBeGreaterThan(890);
    expect(lifetime).toBeLessThanOrEqual(900);
    const names = await core.redis.keys("*");
    expect(names.filter((name) => name.includes(code))).toEqual([]);
  });

  test("[E3] raced by twenty devices on two gateways makes one", async () => {
    const deployment = await fixture.start({ gateways: 2, tenants: [tireless()] });
    const { subjectId, code } = await activationCode(deployment);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        send(deployment.gateways[index % 2]!, line, { json: bodyOf({ deployment, code, signer: newSigner() }) }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 19 }, () => 401)]);
    expect(await listDevices(deployment, subjectId)).toHaveLength(1);
  });

  test("[E3] works with either spelling of the proof's signature, once", async () => {
    const it = await start();
    const proof = it.signer.sign({}, claimsOf(it));
    expect((await enrol(it, { proof: malleate(proof) })).status).toBe(201);
    expect((await enrol(it, { proof })).status).toBe(401);
  });
});

describe("a device's number", () => {
  test("[E4] is one that an admin gave to its own subject; anybody else's is a 400, and the code stays good", async () => {
    const it = await start({ phones: [phone, "+14155550199"] });
    const stranger = await activationCode(it.deployment, { phones: ["+14155550000"] });
    for (const attacker of ["+14155550000", "+14155550124", "+1415555012"]) {
      const fault = faultOf(await enrol(it, { phone: attacker }));
      expect(fault).toEqual({ status: 400, code: "invalid_request", pointers: ["/phone"] });
    }
    expect((await enrol({ ...it, code: stranger.code }, { phone })).status).toBe(400);
    expect((await enrol(it, { phone })).status).toBe(201);
  });
});

describe("enrolments of one address", () => {
  test("[E5] are limited, refused ones too, and say how long to wait", async () => {
    const deployment = await fixture.start({ tenants: [testTenant({ limits: { enrollmentsPerHourPerAddress: 5 } })] });
    const { code } = await activationCode(deployment);
    const it = { deployment, code, signer: newSigner() };
    for (let guesses = 0; guesses < 4; guesses += 1) {
      expect((await enrol({ ...it, code: `guess-${guesses}` })).status).toBe(401);
    }
    expect((await enrol(it, { name: "" })).status).toBe(400);
    const refused = await enrol(it);
    expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(3500);
  });

  test("[E5] are told apart behind a proxy that is trusted, and only there", async () => {
    const tenants = [testTenant({ limits: { enrollmentsPerHourPerAddress: 1 } })];
    const from = (address: string) => ({ "x-forwarded-for": address });
    for (const trusted of [true, false]) {
      const environment: Record<string, string> = trusted ? { CALLSEAL_TRUST_PROXY: "1" } : {};
      const deployment = await fixture.start({ tenants, environment });
      const attempt = (address: string) => send(deployment.gateway, line, { json: {}, headers: from(address) });
      expect((await attempt("203.0.113.1")).status).toBe(400);
      expect((await attempt("203.0.113.2")).status).toBe(trusted ? 400 : 429);
      expect((await attempt("203.0.113.1")).status).toBe(429);
    }
  });
});

test("[E1] an enrolled key opens the socket, and the gateway keeps its public half alone", async () => {
  const deployment = await fixture.start();
  const device = await enrolDevice(deployment, { algorithm: "EdDSA" });
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  expect(socket.raw.connected).toBe(true);
  const stored = await deployment.core.devices.readDevice(device.deviceId);
  expect(JSON.parse(stored!.publicJwk)).toEqual(device.publicJwk);
});
