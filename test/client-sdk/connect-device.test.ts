import { compactVerify, decodeJwt, importJWK } from "jose";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type ConnectDeviceOptions,
  connectDevice,
  type DeviceConnection,
  enrol,
  type KeyStore,
  memoryKeyStore,
} from "../../client-sdk/src/device/index.ts";
import { catchError } from "./catch-error.ts";
import { nextEvent } from "./next-event.ts";
import { type StandInGateway, startStandInGateway } from "./stand-in-gateway.ts";

let gateway: StandInGateway;
let keyStore: KeyStore;
let open: DeviceConnection[];

beforeEach(async () => {
  gateway = await startStandInGateway();
  keyStore = memoryKeyStore();
  open = [];
  const device = { name: "Pixel 9", platform: "android", userVerifyingKey: true };
  await enrol({ gatewayUrl: gateway.url, activationCode: "good-code", keyStore, ...device });
});
afterEach(async () => {
  await Promise.all(open.map((device) => device.close()));
  await gateway.stop();
});

/** A device that does not dawdle: its pauses are a few milliseconds. */
async function connect(options: Partial<ConnectDeviceOptions> = {}): Promise<DeviceConnection> {
  const device = await connectDevice({ keyStore, reconnect: { baseMs: 5, capMs: 20 }, ...options });
  open.push(device);
  return device;
}

async function connected(options: Partial<ConnectDeviceOptions> = {}): Promise<DeviceConnection> {
  const device = await connect(options);
  await nextEvent(device, "connected");
  return device;
}

/** For tests in which an ack is lost. */
const impatient = { ackTimeoutMs: 300 };
const confirmedAt = "2026-01-01T00:00:01.000Z";
const confirmedAck = { ok: true, sessionId: "csn_AAAAAAAAAAAAAAAAAAAAAA_1", status: "confirmed", confirmedAt };
const retry = { ok: false, code: "unavailable", advice: "retry" };
const proofs = () => gateway.requests.map(({ payload }) => String(payload["proof"]));
const claims = (at: number) => decodeJwt(proofs()[at] ?? "");

async function claimed(device: DeviceConnection, overrides = {}) {
  gateway.answers.push({ ok: true, challenge: await gateway.challenge(overrides) });
  const challenge = await device.claim("482913");
  gateway.requests.length = 0;
  return challenge;
}

describe("connection", () => {
  test("[K5] every handshake has a token of its own", async () => {
    const device = await connected();
    for (let round = 0; round < 3; round++) {
      const back = nextEvent(device, "connected");
      gateway.disconnectAll();
      await back;
    }
    const ids = gateway.handshakes.map((token) => token["jti"]);
    expect(new Set(ids).size).toBe(4);
    expect(gateway.handshakes.every((token) => token["iss"] === device.deviceId)).toBe(true);
  });

  test("a device without an identity is not connected", async () => {
    expect((await catchError(connectDevice({ keyStore: memoryKeyStore() }))).code).toBe("not_enrolled");
  });

  test("[K9] it comes back after the gateway ends the connection, after a cut, and after a restart", async () => {
    const device = await connected();
    for (const fault of [gateway.disconnectAll, gateway.cutAll]) {
      const [gone, back] = [nextEvent(device, "disconnected"), nextEvent(device, "connected")];
      fault();
      await Promise.all([gone, back]);
    }
    const gone = nextEvent(device, "disconnected");
    await gateway.stop();
    await gone;
    expect(device.state).toBe("connecting");
    const back = nextEvent(device, "connected");
    await gateway.restart();
    await back;
    expect(device.state).toBe("connected");
  });

  test("[K9] a refusal with advice retry is tried again", async () => {
    gateway.refusals.push({ code: "unavailable", advice: "retry" }, { code: "rate_limited", advice: "retry" });
    await connected();
    expect(gateway.handshakes).toHaveLength(3);
  });

  test("[K10] a refused token is replaced at once, and only so often", async () => {
    gateway.refusals.push(...Array.from({ length: 9 }, () => ({ code: "unauthenticated", advice: "reauthenticate" })));
    const device = await connect();
    const { error } = await nextEvent(device, "stopped");
    expect(error).toMatchObject({ code: "unauthenticated", retryable: false });
    expect(gateway.handshakes).toHaveLength(4);
    expect(new Set(gateway.handshakes.map((token) => token["jti"])).size).toBe(4);
  });

  test("[K11] a revoked device stops, tells its app, and fails what it is asked", async () => {
    const device = await connected();
    gateway.refusals.push({ code: "device_revoked", advice: "stop" });
    const waiting = nextEvent(device, "stopped");
    gateway.disconnectAll();
    expect((await waiting).error.code).toBe("device_revoked");
    expect(device.state).toBe("stopped");
    expect((await catchError(device.claim("482913"))).code).toBe("device_revoked");
    expect(gateway.handshakes).toHaveLength(2);
  });

  test("closing fails what is under way with closed, is idempotent, and nothing comes back", async () => {
    const device = await connected();
    gateway.answers.push("silence");
    const failing = catchError(device.claim("482913"));
    await device.close();
    await device.close();
    expect((await failing).code).toBe("closed");
    expect(device.state).toBe("closed");
    expect((await catchError(device.claim("482913"))).code).toBe("closed");
  });

  /** The same identity, with a device key that signs as told. */
  const signingAs = (sign: (signed: () => Promise<Uint8Array>) => Promise<Uint8Array>): KeyStore => ({
    ...keyStore,
    load: async () => {
      const identity = await keyStore.load();
      if (!identity) return undefined;
      const { deviceKey } = identity;
      return { ...identity, deviceKey: { ...deviceKey, sign: (data) => sign(() => deviceKey.sign(data)) } };
    },
  });

  test("a key store that cannot sign for now is asked again", async () => {
    let locked = 2;
    await connected({
      keyStore: signingAs((signed) => (locked-- > 0 ? Promise.reject(new Error("locked")) : signed())),
    });
    expect(gateway.handshakes).toHaveLength(1);
  });

  test("a handshake that takes too long is left and made anew, and its token is not used when it comes after all", async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    let tokens = 0;
    const slow = signingAs(async (signed) => {
      if (++tokens === 1) await released;
      return signed();
    });
    const device = await connected({ keyStore: slow, connectTimeoutMs: 500 });
    release();
    gateway.answers.push({ ok: true, challenge: await gateway.challenge() });
    await device.claim("482913");
    expect(gateway.handshakes).toHaveLength(1);
    expect(device.state).toBe("connected");
  });

  test("one loss is one pause and one return", async () => {
    let draws = 0;
    const random = () => {
      draws++;
      return 0.5;
    };
    const device = await connected({ ...impatient, reconnect: { baseMs: 5, random } });
    const back = nextEvent(device, "connected");
    gateway.answers.push("silence", { ok: true, challenge: await gateway.challenge() });
    await device.claim("482913");
    await back;
    // One for the connection, one for the request.
    expect(draws).toBe(2);
    expect(gateway.handshakes).toHaveLength(2);
  });

  test("a listener that is taken off hears nothing more", async () => {
    const device = await connected();
    const heard: string[] = [];
    const off = device.on("withdrawn", ({ reason }) => heard.push(`first ${reason}`));
    device.on("withdrawn", ({ reason }) => heard.push(`second ${reason}`));
    for (const reason of ["confirmed", "expired"]) {
      const next = nextEvent(device, "withdrawn");
      gateway.emit("withdrawn", { sessionId: "csn_1", reason });
      await next;
      off();
    }
    expect(heard).toEqual(["first confirmed", "second confirmed", "second expired"]);
  });
});

describe("claim", () => {
  test("[K12] a claim returns the verified challenge", async () => {
    const device = await connected();
    const challenge = await gateway.challenge();
    gateway.answers.push({ ok: true, challenge });
    expect(await device.claim("482 913")).toEqual(challenge);
    expect(gateway.requests).toEqual([{ event: "claim", payload: { did: "482913" } }]);
  });

  test("[K12] a challenge that was changed on its way never reaches the app", async () => {
    const device = await connected();
    gateway.answers.push({ ok: true, challenge: { ...(await gateway.challenge()), organisation: "Your Bank" } });
    expect((await catchError(device.claim("482913"))).code).toBe("invalid_challenge");
  });

  test("[K7] with check digits on, a mistyped code costs no request", async () => {
    const device = await connected({ checkDigits: true });
    expect((await catchError(device.claim("572757"))).code).toBe("bad_check_digit");
    expect(gateway.requests).toEqual([]);
  });

  test.each([
    [
      { code: "wrong_did", advice: "stop" },
      { code: "wrong_did", retryable: false },
    ],
    [
      { code: "rate_limited", advice: "retry", retryAfterSeconds: 540 },
      { code: "rate_limited", retryAfterSeconds: 540 },
    ],
    [
      { code: "a_code_of_tomorrow", advice: "stop" },
      { code: "unavailable", retryable: false },
    ],
  ])("a refusal %j is the app's to handle", async (refusal, expected) => {
    const device = await connected();
    gateway.answers.push({ ok: false, ...refusal });
    expect(await catchError(device.claim("482913"))).toMatchObject(expected);
    expect(gateway.requests).toHaveLength(1);
  });

  test("keys that cannot be read for now are tried again", async () => {
    gateway.keyFetches.failures = 2;
    const device = await connected();
    const challenge = await gateway.challenge();
    gateway.answers.push({ ok: true, challenge });
    expect(await device.claim("482913")).toEqual(challenge);
    expect(gateway.keyFetches.count).toBe(3);
  });

  test("it waits for a connection that is still being made, and gives up after its own time", async () => {
    gateway.refusals.push(retry, retry);
    const device = await connect();
    gateway.answers.push({ ok: true, challenge: await gateway.challenge() });
    expect((await device.claim("482913")).callId).toBe("CA123");
    await gateway.stop();
    const hurried = await connect({ claimTimeoutMs: 100, ackTimeoutMs: 100 });
    expect((await catchError(hurried.claim("482913"))).code).toBe("timeout");
  });

  test("an aborted claim ends at once", async () => {
    const device = await connected();
    const controller = new AbortController();
    await gateway.stop();
    const failing = catchError(device.claim("482913", { signal: controller.signal }));
    controller.abort();
    expect((await failing).code).toBe("aborted");
    expect((await catchError(device.claim("482913", { signal: controller.signal }))).code).toBe("aborted");
  });

  const attackers: Record<string, unknown>[] = [
    {},
    { ok: "true" },
    { ok: true },
    { ok: true, challenge: null },
    { ok: true, challenge: [] },
    { ok: true, challenge: { jws: {} } },
  ];
  test.each(attackers)("an ack %j is not believed", async (attacker) => {
    const device = await connected();
    gateway.answers.push(attacker);
    expect((await catchError(device.claim("482913"))).code).toMatch(/^invalid_(response|challenge)$/);
  });
});

describe("confirm", () => {
  test("[K4] the proof is bound to the call of the challenge", async () => {
    const device = await connected();
    const challenge = await claimed(device);
    gateway.answers.push(confirmedAck);
    const confirmation = await device.confirm(challenge, { did: "482913", call: "outgoing" });
    expect(confirmation).toEqual({ sessionId: challenge.sessionId, status: "confirmed", confirmedAt });
    expect(claims(0)).toMatchObject({
      iss: device.deviceId,
      aud: gateway.url,
      sid: challenge.sessionId,
      cid: "CA123",
      prv: "twilio",
      gen: 1,
      nonce: challenge.nonce,
      dec: "confirm",
      did: "482913",
      call: "outgoing",
    });
    expect(claims(0)).not.toHaveProperty("uv");
    expect(claims(0)).not.toHaveProperty("mth");
  });

  test("[K6] a lost ack, a cut connection and a retry are answered with the very same proof", async () => {
    const device = await connected(impatient);
    const challenge = await claimed(device);
    gateway.answers.push("silence", "drop", retry, confirmedAck);
    expect((await device.confirm(challenge, { did: "482913" })).status).toBe("confirmed");
    expect(gateway.cuts).toBeGreaterThanOrEqual(1);
    expect(proofs()).toHaveLength(4);
    expect(new Set(proofs()).size).toBe(1);
  });

  test("[K6] it survives a gateway that is restarted in between", async () => {
    const device = await connected();
    const challenge = await claimed(device);
    await gateway.stop();
    gateway.answers.push(confirmedAck);
    const confirming = device.confirm(challenge, { did: "482913" });
    await gateway.restart();
    expect((await confirming).status).toBe("confirmed");
  });

  test("[K15] without an answer it gives up at the challenge's deadline and says that the outcome is unknown", async () => {
    const device = await connected(impatient);
    const challenge = await claimed(device, { expiresAt: new Date(Date.now() + 400).toISOString() });
    gateway.answers.push(...Array.from({ length: 50 }, () => "silence" as const));
    expect((await catchError(device.confirm(challenge, { did: "482913" }))).code).toBe("timeout");
    expect(Date.now()).toBeLessThan(Date.parse(challenge.expiresAt) + 3000);
  });

  test("[K15] a phone whose clock is an hour ahead still makes its attempt: the gateway decides", async () => {
    const device = await connected();
    const challenge = await claimed(device, { expiresAt: new Date(Date.now() - 3_600_000).toISOString() });
    gateway.answers.push({ ok: false, code: "late_confirmation", advice: "stop" });
    expect((await catchError(device.confirm(challenge, { did: "482913" }))).code).toBe("late_confirmation");
  });

  test("[K10] advice reauthenticate brings a fresh token and the same proof", async () => {
    const device = await connected();
    const challenge = await claimed(device);
    gateway.answers.push({ ok: false, code: "unauthenticated", advice: "reauthenticate" }, confirmedAck);
    expect((await device.confirm(challenge, { did: "482913" })).status).toBe("confirmed");
    expect(new Set(proofs()).size).toBe(1);
    expect(gateway.handshakes).toHaveLength(2);
  });

  test.each(["wrong_did", "session_terminal", "call_mismatch", "incoming_call", "invalid_proof"])(
    "%s is final",
    async (code) => {
      const device = await connected();
      const challenge = await claimed(device);
      gateway.answers.push({ ok: false, code, advice: "stop" });
      expect(await catchError(device.confirm(challenge, { did: "482913" }))).toMatchObject({ code, retryable: false });
      expect(proofs()).toHaveLength(1);
    },
  );

  test("an ack for another session is not believed", async () => {
    const device = await connected();
    const challenge = await claimed(device);
    gateway.answers.push({ ...confirmedAck, sessionId: "csn_other" });
    expect((await catchError(device.confirm(challenge, { did: "482913" }))).code).toBe("invalid_response");
  });

  test("[K16] the user-verifying key signs where asked, and says so", async () => {
    const device = await connected();
    const challenge = await claimed(device);
    gateway.answers.push(confirmedAck, confirmedAck);
    await device.confirm(challenge, { did: "482913", uv: true });
    const uvKey = (await keyStore.load())?.userVerifyingKey?.publicJwk;
    await compactVerify(proofs()[0] ?? "", await importJWK(uvKey as object, "ES256"));
    expect(claims(0)["uv"]).toBe(true);
  });

  test("[K16] a device without such a key says so and sends nothing", async () => {
    const plain = memoryKeyStore();
    await enrol({ gatewayUrl: gateway.url, activationCode: "good-code", keyStore: plain, name: "n", platform: "p" });
    const device = await connected({ keyStore: plain });
    const challenge = await claimed(device);
    expect((await catchError(device.confirm(challenge, { did: "482913", uv: true }))).code).toBe("invalid_argument");
    expect(gateway.requests).toEqual([]);
  });
});

describe("offers", () => {
  async function offered(device: DeviceConnection, push: string, overrides = {}) {
    const next = nextEvent(device, "offer");
    gateway.emit("offer", { push, challenge: await gateway.challenge(overrides) });
    return (await next).challenge;
  }

  test.each([
    ["match", { match: "13" }, { mth: "push", match: "13" }, ["did"]],
    ["code", { did: "482 913" }, { mth: "push", did: "482913" }, ["match"]],
    ["tap", {}, { mth: "push" }, ["did", "match"]],
  ])("[K17] a push of kind %s is answered with %j", async (push, answer, expected, absent) => {
    const device = await connected();
    const challenge = await offered(device, push);
    gateway.answers.push(confirmedAck);
    await device.confirm(challenge, answer);
    expect(claims(0)).toMatchObject({ dec: "confirm", nonce: challenge.nonce, ...expected });
    for (const name of absent) expect(claims(0)).not.toHaveProperty(name);
  });

  test.each([
    ["match", {}],
    ["match", { match: "1" }],
    ["match", { match: "１３" }],
    ["match", { did: "482913" }],
    ["code", {}],
    ["code", { match: "13" }],
    ["code", { did: "x" }],
    ["tap", { did: "482913" }],
    ["tap", { match: "13" }],
  ])("[K17] a push of kind %s is not answered with %j", async (push, answer) => {
    const device = await connected();
    const challenge = await offered(device, push);
    expect((await catchError(device.confirm(challenge, answer))).code).toBe("invalid_argument");
    expect(gateway.requests).toEqual([]);
  });

  test("[K17] a claimed call wants the whole code", async () => {
    const device = await connected();
    const challenge = await claimed(device);
    for (const answer of [{}, { match: "13" }, { did: "482913", match: "13" }]) {
      expect((await catchError(device.confirm(challenge, answer))).code).toBe("invalid_argument");
    }
  });

  test("[K12] an offer that was not signed by the gateway is not shown", async () => {
    const device = await connected();
    const shown: unknown[] = [];
    device.on("offer", (offer) => shown.push(offer));
    for (const attacker of [
      { push: "match", challenge: { ...(await gateway.challenge()), aniMatchesDevice: null } },
      { push: "match" },
      { push: "shake", challenge: await gateway.challenge() },
      { challenge: await gateway.challenge() },
      "offer",
    ]) {
      const rejected = nextEvent(device, "offer_rejected");
      gateway.emit("offer", attacker);
      expect((await rejected).error.code).toMatch(/^invalid_(challenge|response)$/);
    }
    expect(shown).toEqual([]);
  });

  test("a withdrawal reaches the app", async () => {
    const device = await connected();
    const next = nextEvent(device, "withdrawn");
    gateway.emit("withdrawn", { sessionId: "csn_1", reason: "confirmed" });
    expect(await next).toEqual({ sessionId: "csn_1", reason: "confirmed" });
  });

  test("events of a later version are ignored", async () => {
    const device = await connected();
    const next = nextEvent(device, "withdrawn");
    gateway.emit("applause", { loud: true });
    gateway.emit("withdrawn", { sessionId: "csn_1" });
    expect((await next).reason).toBe("unknown");
  });

  test.each(["not_me", "mistake"] as const)("[K18] a denial says %s and carries no code", async (reason) => {
    const device = await connected(impatient);
    const challenge = await offered(device, "match");
    gateway.answers.push("silence", { ok: true, sessionId: challenge.sessionId, status: "denied" });
    expect(await device.deny(challenge, { reason })).toEqual({ sessionId: challenge.sessionId, status: "denied" });
    expect(claims(0)).toMatchObject({ dec: "deny", reason, mth: "push", nonce: challenge.nonce });
    expect(claims(0)).not.toHaveProperty("did");
    expect(new Set(proofs()).size).toBe(1);
    expect(gateway.requests.map(({ event }) => event)).toEqual(["deny", "deny"]);
  });
});
