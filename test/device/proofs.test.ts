import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { deviceKeys } from "../../core/redis/keys.ts";
import { type ChallengeLike, enrolDevice, newSigner, nowSeconds, type TestDevice } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { confirmByDid, type DeviceSocket, openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession, type SessionActions } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";
import { eventsOf, recordOf } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";
import { malleate, respell, segment, signHmac, signTexts, swapClaims } from "./forge.ts";

const fixture = useGateways();

const typ = "callseal-confirmation+jwt";
const unlimited = { sessionsPerMinutePerKey: 100_000, wrongDidsPer10Min: 1000 };

/** A claimed session and everything that an attacker could lay hands on. */
interface Situation {
  deployment: Deployment;
  device: TestDevice;
  other: TestDevice;
  /** What the other device was issued for the same session. */
  othersChallenge: ChallengeLike;
  /** The same device's claim of another call. */
  elsewhere: ChallengeLike & { did: string };
  challenge: ChallengeLike;
  did: string;
}

type Own = Pick<Situation, "deployment" | "device" | "challenge" | "did">;

function headerOf({ device }: Pick<Situation, "device">, overrides: Record<string, unknown> = {}) {
  return { typ, kid: device.deviceId, ...overrides };
}

function claimsOf({ device, deployment, challenge, did }: Own, overrides: Record<string, unknown> = {}) {
  const iat = nowSeconds();
  return {
    iss: device.deviceId,
    aud: deployment.publicUrl,
    iat,
    exp: iat + 60,
    jti: randomUUID(),
    sid: challenge.sessionId,
    cid: challenge.callId,
    prv: challenge.provider,
    gen: challenge.generation,
    nonce: challenge.nonce,
    dec: "confirm",
    did,
    ...overrides,
  };
}

type Forge = (it: Situation) => unknown;
const header = (overrides: Record<string, unknown> | ((it: Situation) => Record<string, unknown>)): Forge => {
  return (it) =>
    it.device.sign(headerOf(it, typeof overrides === "function" ? overrides(it) : overrides), claimsOf(it));
};
const claims = (overrides: Record<string, unknown> | ((it: Situation) => Record<string, unknown>)): Forge => {
  return (it) =>
    it.device.sign(headerOf(it), claimsOf(it, typeof overrides === "function" ? overrides(it) : overrides));
};
const valid = claims({});
const text = (change: (proof: string) => string): Forge => {
  return (it) => change(valid(it) as string);
};
const hmac = (alg: "HS256" | "HS512"): Forge => {
  return (it) => signHmac(JSON.stringify(it.device.publicJwk), { ...headerOf(it), alg }, claimsOf(it));
};
const texts = (changeHeader: (json: string) => string, changeClaims: (json: string) => string): Forge => {
  return (it) => {
    const headerText = JSON.stringify({ alg: "ES256", ...headerOf(it) });
    return signTexts(it.device.privateKey, changeHeader(headerText), changeClaims(JSON.stringify(claimsOf(it))));
  };
};
const same = (json: string) => json;

type Attacker = [code: string, name: string, forge: Forge];

const misshapen: Attacker[] = [
  ["invalid_proof", "nothing", () => undefined],
  ["invalid_proof", "a number", () => 7],
  ["invalid_proof", "an array with a right proof", (it) => [valid(it)]],
  ["invalid_proof", "bytes", (it) => Buffer.from(valid(it) as string)],
  ["invalid_proof", "an empty text", () => ""],
  ["invalid_proof", "two parts", text((proof) => proof.split(".").slice(0, 2).join("."))],
  ["invalid_proof", "four parts", text((proof) => `${proof}.${"A".repeat(86)}`)],
  ["invalid_proof", "white space before it", text((proof) => ` ${proof}`)],
  ["invalid_proof", "white space in its signature", text((proof) => `${proof.slice(0, -9)} ${proof.slice(-9)}`)],
  ["invalid_proof", "a line break after it", text((proof) => `${proof}\n`)],
  ["invalid_proof", "a signature with a padding sign", text((proof) => `${proof}=`)],
  ["invalid_proof", "a signature in base64 of the other alphabet", text((proof) => `${proof.slice(0, -2)}+/`)],
  ["invalid_proof", "a signature with one bit more", text(respell)],
  ["invalid_proof", "more than 4 KiB", claims({ padding: "x".repeat(3200) })],
  ["invalid_proof", "a header that is no object", texts(() => "[]", same)],
  ["invalid_proof", "a header that is no JSON", texts(() => "{", same)],
  ["invalid_proof", "claims that are an array", texts(same, (json) => `[${json}]`)],
  ["invalid_proof", "claims that are null", texts(same, () => "null")],
  ["invalid_proof", "a header that names a member twice", texts((json) => json.replace("{", '{"kid":"zid_x",'), same)],
  ["invalid_proof", "claims that name a member twice", texts(same, (json) => json.replace("{", '{"dec":"deny",'))],
  ["invalid_proof", "a member twice, once escaped", texts(same, (json) => json.replace("{", '{"\\u0064ec":"deny",'))],
  ["invalid_proof", "an embedded jwk", header((it) => ({ jwk: it.device.publicJwk }))],
  ["invalid_proof", "a jku", header({ jku: "https://attacker.example/keys" })],
  ["invalid_proof", "an x5u", header({ x5u: "https://attacker.example/chain" })],
  ["invalid_proof", "an x5c", header({ x5c: ["MIIB"] })],
  ["invalid_proof", "a critical extension", header({ crit: ["exp"] })],
  ["invalid_proof", "an unencoded payload", header({ b64: true })],
];

const foreign: Attacker[] = [
  ["invalid_proof", "no kid", header({ kid: undefined })],
  ["invalid_proof", "another device's kid", header((it) => ({ kid: it.other.deviceId }))],
  ["invalid_proof", "a right proof of another device", (it) => it.other.proof(it.othersChallenge, { did: it.did })],
  ["invalid_proof", "another device's key", (it) => it.other.sign(headerOf(it), claimsOf(it))],
  ["invalid_proof", "a key enrolled nowhere", (it) => newSigner().sign(headerOf(it), claimsOf(it))],
  [
    "invalid_proof",
    "claims that were changed",
    (it) => swapClaims(valid(it) as string, claimsOf(it, { call: "none" })),
  ],
  [
    "invalid_proof",
    "alg none, unsigned",
    (it) => `${segment('{"alg":"none"}')}.${segment(JSON.stringify(claimsOf(it)))}.`,
  ],
  ["invalid_proof", "alg none, signed", header({ alg: "none" })],
  ["invalid_proof", "HS256 with the public key", hmac("HS256")],
  ["invalid_proof", "HS512 with the public key", hmac("HS512")],
  ["invalid_proof", "another algorithm's name", header({ alg: "ES384" })],
  ["invalid_proof", "the algorithm in other letters", header({ alg: "es256" })],
  ["invalid_proof", "the other kind of key's algorithm", header({ alg: "EdDSA" })],
];

const misdated: Attacker[] = [
  ["invalid_proof", "no typ", header({ typ: undefined })],
  ["invalid_proof", "the typ of a token", header({ typ: "callseal-device+jwt" })],
  ["invalid_proof", "another audience", claims({ aud: "https://elsewhere.example" })],
  ["invalid_proof", "no audience", claims({ aud: undefined })],
  ["invalid_proof", "no iat", claims({ iat: undefined })],
  ["invalid_proof", "an iat that is a text", claims({ iat: "now" })],
  ["invalid_proof", "an iat in an hour", claims({ iat: nowSeconds() + 3600, exp: nowSeconds() + 3660 })],
  ["invalid_proof", "no exp", claims({ exp: undefined })],
  ["invalid_proof", "a life of 61 seconds", claims(() => ({ iat: nowSeconds(), exp: nowSeconds() + 61 }))],
  ["invalid_proof", "an end before its beginning", claims({ iat: nowSeconds(), exp: nowSeconds() - 5 })],
  ["expired", "its time over", claims({ iat: nowSeconds() - 70, exp: nowSeconds() - 10 })],
];

const misclaimed: Attacker[] = [
  ["invalid_proof", "another issuer", claims((it) => ({ iss: it.other.deviceId }))],
  ["invalid_proof", "a denial sent as a confirmation", claims({ dec: "deny" })],
  ["invalid_proof", "no decision", claims({ dec: undefined })],
  ["invalid_proof", "no jti", claims({ jti: undefined })],
  ["invalid_proof", "an empty jti", claims({ jti: "" })],
  ["invalid_proof", "a generation that is a text", claims({ gen: "1" })],
  ["invalid_proof", "a nonce that is an object", claims({ nonce: { toString: "x" } })],
  ["invalid_proof", "user verification claimed by the plain key", claims({ uv: true })],
  ["invalid_proof", "a state of the call that nobody knows", claims({ call: "ringing" })],
  ["invalid_proof", "no code", claims({ did: undefined })],
  ["invalid_proof", "a code that is a number", claims((it) => ({ did: Number(it.did) }))],
  [
    "invalid_proof",
    "a push that was never offered",
    claims((it) => ({ mth: "push", match: it.did.slice(-2), did: undefined })),
  ],
  ["not_found", "a session that is none", claims({ sid: `csn_${"A".repeat(22)}_1` })],
  ["not_found", "a session id that is none", claims({ sid: "__proto__" })],
  ["call_mismatch", "another call", claims((it) => ({ cid: it.elsewhere.callId }))],
  ["call_mismatch", "another provider", claims({ prv: "twilio" })],
  ["call_mismatch", "another generation", claims({ gen: 2 })],
  ["invalid_proof", "a nonce that nobody was issued", claims({ nonce: "A".repeat(22) })],
  ["invalid_proof", "the nonce of another device", claims((it) => ({ nonce: it.othersChallenge.nonce }))],
  ["invalid_proof", "the nonce of another session", claims((it) => ({ nonce: it.elsewhere.nonce }))],
  ["invalid_proof", "a nonce called spent", claims({ nonce: "spent" })],
  ["call_mismatch", "another session's id", claims((it) => ({ sid: it.elsewhere.sessionId }))],
];

const spending: Attacker[] = [
  ["wrong_did", "another call's code", claims((it) => ({ did: it.elsewhere.did }))],
  ["wrong_did", "the code with a space", claims((it) => ({ did: `${it.did} ` }))],
  ["wrong_did", "an empty code", claims({ did: "" })],
];

async function situation(): Promise<Omit<Situation, "challenge" | "did" | "othersChallenge"> & Sockets> {
  const deployment = await fixture.start({ tenants: [testTenant({ limits: unlimited })] });
  const [device, other] = [await enrolDevice(deployment), await enrolDevice(deployment)];
  const [socket, othersSocket] = await Promise.all(
    [device, other].map((one) => openDeviceSocket(fixture, deployment.gateway, one)),
  );
  const { did } = await openSession(deployment);
  const elsewhere = { ...(await socket!.ask("claim", { did })).challenge!, did };
  return { deployment, device, other, elsewhere, socket: socket!, othersSocket: othersSocket! };
}

interface Sockets {
  socket: DeviceSocket;
  othersSocket: DeviceSocket;
}

async function claimBoth({ deployment, socket, othersSocket }: Sockets & { deployment: Deployment }) {
  const session = await openSession(deployment);
  const { did } = session;
  const challenge = (await socket.ask("claim", { did })).challenge!;
  const othersChallenge = (await othersSocket.ask("claim", { did })).challenge!;
  return { session, did, challenge, othersChallenge };
}

async function decided({
  session,
  socket,
  device,
  ...it
}: { session: SessionActions; socket: DeviceSocket } & Situation) {
  const ack = await socket.ask("confirm", { proof: device.proof(it.challenge, { did: it.did }) });
  return { ack: ack.status ?? ack.code, status: (await session.get()).body.status };
}

describe("a proof", () => {
  test.each([
    { kind: "misshapen", attackers: misshapen },
    { kind: "of a foreign key", attackers: foreign },
    { kind: "for another time or gateway", attackers: misdated },
    { kind: "that claims what is not so", attackers: misclaimed },
  ])("[D3] $kind confirms nothing, has a stable code, and leaves the right one its chance", async ({ attackers }) => {
    const it = await situation();
    const codes: Record<string, unknown> = {};
    const expected: Record<string, unknown> = {};
    const after: unknown[] = [];
    for (const [code, name, forge] of attackers) {
      const { session, ...claimed } = await claimBoth(it);
      const before = await recordOf(it.deployment.core, session.sessionId);
      const attacker = forge({ ...it, ...claimed });
      codes[name] = (await it.socket.ask("confirm", { proof: attacker })).code;
      expected[name] = code;
      expect(await recordOf(it.deployment.core, session.sessionId), name).toEqual(before);
      after.push(await decided({ ...it, ...claimed, session }));
    }
    expect(codes).toEqual(expected);
    expect(after).toEqual(attackers.map(() => ({ ack: "confirmed", status: "confirmed" })));
  });

  test("[D3] with a wrong code spends its nonce and leaves the session pending", async () => {
    const it = await situation();
    for (const [code, name, forge] of spending) {
      const { session, ...claimed } = await claimBoth(it);
      const ack = await it.socket.ask("confirm", { proof: forge({ ...it, ...claimed }) });
      expect({ name, ...ack }).toEqual({ name, ok: false, code, advice: "stop" });
      expect((await session.get()).body.status).toBe("pending");
      expect(await decided({ ...it, ...claimed, session })).toEqual({ ack: "invalid_proof", status: "pending" });
      expect((await confirmByDid(it.socket, it.device, claimed.did)).status).toBe("confirmed");
    }
  });

  test.each([
    ["no payload", undefined],
    ["null", null],
    ["a text", "proof"],
    ["an array", []],
    ["another field beside the proof", { proof: "x", did: "123456" }],
  ])("[D3] that comes as %s is an invalid_proof", async (_name, attacker) => {
    const { socket } = await situation();
    expect(await socket.ask("confirm", attacker)).toEqual({ ok: false, code: "invalid_proof", advice: "stop" });
    expect(await socket.ask("deny", attacker)).toEqual({ ok: false, code: "invalid_proof", advice: "stop" });
  });

  test("[D3] of an Ed25519 key confirms, and under another algorithm's name does not", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment, { algorithm: "EdDSA" });
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    const { did, get } = await openSession(deployment);
    const challenge = (await socket.ask("claim", { did })).challenge!;
    const it = { deployment, device, challenge, did };
    const attacker = device.sign(headerOf(it, { alg: "ES256" }), claimsOf(it));
    expect((await socket.ask("confirm", { proof: attacker })).code).toBe("invalid_proof");
    expect((await socket.ask("confirm", { proof: device.proof(challenge, { did }) })).status).toBe("confirmed");
    expect((await get()).body.status).toBe("confirmed");
  });

  test("[D3] for another tenant's session finds none", async () => {
    const tenants = [testTenant(), testTenant({ id: "globex" })];
    const deployment = await fixture.start({ tenants });
    const native = await enrolDevice(deployment);
    const stranger = await enrolDevice(deployment, { adminKey: tenants[1]!.keys.admin });
    const socket = await openDeviceSocket(fixture, deployment.gateway, native);
    const attackers = await openDeviceSocket(fixture, deployment.gateway, stranger);
    const { did, get } = await openSession(deployment);
    const challenge = (await socket.ask("claim", { did })).challenge!;
    expect((await attackers.ask("claim", { did })).code).toBe("wrong_did");
    const attacker = stranger.proof(challenge, { did });
    expect(await attackers.ask("confirm", { proof: attacker })).toEqual({
      ok: false,
      code: "not_found",
      advice: "stop",
    });
    expect((await get()).body.status).toBe("pending");
  });
});

describe("a signature in its other spelling", () => {
  test("[D4] is the same proof to the session that it decided, and none to any other", async () => {
    const it = await situation();
    const { session, did, challenge } = await claimBoth(it);
    const waiting = await claimBoth(it);
    const proof = it.device.proof(challenge, { did });
    const first = await it.socket.ask("confirm", { proof });
    expect(first).toMatchObject({ ok: true, status: "confirmed", sessionId: session.sessionId });
    expect(await it.socket.ask("confirm", { proof: malleate(proof) })).toEqual(first);
    expect((await it.othersSocket.ask("confirm", { proof: malleate(proof) })).code).toBe("invalid_proof");
    const moved = swapClaims(malleate(proof), claimsOf({ ...it, ...waiting }));
    expect((await it.socket.ask("confirm", { proof: moved })).code).toBe("invalid_proof");
    expect((await waiting.session.get()).body.status).toBe("pending");
    const events = await eventsOf(it.deployment.core, session.sessionId);
    expect(events.filter(({ type }) => type === "confirmed")).toHaveLength(1);
  });

  test("[D4] does not give a spent nonce its second try", async () => {
    const it = await situation();
    const { session, challenge } = await claimBoth(it);
    const proof = it.device.proof(challenge, { did: it.elsewhere.did });
    expect((await it.socket.ask("confirm", { proof })).code).toBe("wrong_did");
    expect((await it.socket.ask("confirm", { proof: malleate(proof) })).code).toBe("invalid_proof");
    expect((await session.get()).body.status).toBe("pending");
  });
});

describe("the order of the checks", () => {
  const expired = { iat: nowSeconds() - 70, exp: nowSeconds() - 10 };
  const revoked = { revoked: true };
  const cases: { code: string; name: string; forge: Forge; revoked?: boolean }[] = [
    { code: "invalid_proof", name: "shape before standing", forge: header({ crit: [] }), ...revoked },
    {
      code: "invalid_proof",
      name: "kid before standing",
      forge: header((it) => ({ kid: it.other.deviceId })),
      ...revoked,
    },
    {
      code: "device_revoked",
      name: "standing before signature",
      forge: (it) => it.other.sign(headerOf(it), claimsOf(it)),
      ...revoked,
    },
    { code: "device_revoked", name: "standing before time", forge: claims(expired), ...revoked },
    { code: "device_revoked", name: "standing before a session id", forge: claims({ sid: "csn_x" }), ...revoked },
    { code: "device_revoked", name: "standing before the call's way", forge: claims({ call: "incoming" }), ...revoked },
    { code: "device_revoked", name: "standing before the call", forge: claims({ cid: "x" }), ...revoked },
    {
      code: "invalid_proof",
      name: "signature before time",
      forge: (it) => it.other.sign(headerOf(it), claimsOf(it, expired)),
    },
    {
      code: "invalid_proof",
      name: "typ before time",
      forge: (it) => it.device.sign(headerOf(it, { typ: "JWT" }), claimsOf(it, expired)),
    },
    { code: "invalid_proof", name: "aud before time", forge: claims({ ...expired, aud: "https://elsewhere.example" }) },
    { code: "expired", name: "time before the session", forge: claims({ ...expired, sid: `csn_${"A".repeat(22)}_1` }) },
    {
      code: "not_found",
      name: "the session before its call",
      forge: claims({ sid: `csn_${"A".repeat(22)}_1`, cid: "x" }),
    },
    { code: "call_mismatch", name: "the call before the nonce", forge: claims({ cid: "x", nonce: "y" }) },
    { code: "invalid_proof", name: "the nonce before the code", forge: claims({ nonce: "y", did: "000000" }) },
  ];

  test.each(cases)("[D5] puts $name", async ({ code, forge, revoked }) => {
    const it = await situation();
    const { session, ...claimed } = await claimBoth(it);
    const { core } = it.deployment;
    const key = deviceKeys(core.keyspace, it.device.deviceId).device;
    if (revoked) await core.redis.hset(key, "status", "revoked");
    const attacker = forge({ ...it, ...claimed });
    expect((await it.socket.ask("confirm", { proof: attacker })).code).toBe(code);
    expect((await session.get()).body.status).toBe("pending");
  });
});

describe("the audit trail", () => {
  const attemptsOf = async ({ gateway, keys }: Deployment) => {
    const { body } = await send(gateway, "GET /admin/v1/events?limit=1000", { key: keys.admin });
    return body.events.filter(({ type }) => ["confirmation_refused", "wrong_did", "rate_limited"].includes(type));
  };

  test("[D6] has every refused attempt, under its session only when that is known", async () => {
    const it = await situation();
    const { session, ...claimed } = await claimBoth(it);
    const facts = { ...it, ...claimed };
    await it.socket.ask("confirm", { proof: "x" });
    await it.socket.ask("confirm", { proof: header({ typ: "JWT" })(facts) });
    await it.socket.ask("deny", { proof: claims({ dec: "deny", nonce: "x" })(facts) });
    await it.socket.ask("confirm", { proof: claims({ sid: `csn_${"A".repeat(22)}_1` })(facts) });
    await it.socket.ask("confirm", { proof: claims({ call: "incoming" })(facts) });
    await it.socket.ask("confirm", { proof: claims({ did: "no-code" })(facts) });
    await it.socket.ask("claim", { did: "no-code" });
    const attempts = await waitFor("all attempts are audited", async () => {
      const found = await attemptsOf(it.deployment);
      return found.length === 7 ? found : undefined;
    });
    const shown = attempts.map(({ type, code, decision, sessionId, deviceId }) => {
      expect(deviceId).toBe(it.device.deviceId);
      return [type, code, decision, sessionId].filter((part) => part !== undefined).join(" ");
    });
    expect(shown.sort()).toEqual([
      `confirmation_refused incoming_call confirm ${session.sessionId}`,
      "confirmation_refused invalid_proof confirm",
      "confirmation_refused invalid_proof confirm",
      `confirmation_refused invalid_proof deny ${session.sessionId}`,
      "confirmation_refused not_found confirm",
      "wrong_did",
      `wrong_did ${session.sessionId}`,
    ]);
  });

  test("[D6] is not washed out by one device: after 120 a minute one event stands for the rest", async () => {
    const it = await situation();
    await Promise.all(Array.from({ length: 150 }, () => it.socket.ask("confirm", { proof: "x" })));
    const attempts = await waitFor("the flood is recorded", async () => {
      const found = await attemptsOf(it.deployment);
      return found.some(({ type }) => type === "rate_limited") ? found : undefined;
    });
    expect(attempts.filter(({ type }) => type === "rate_limited")).toMatchObject([{ limit: "refusals" }]);
    expect(attempts.filter(({ type }) => type === "confirmation_refused")).toHaveLength(120);
  });
});
