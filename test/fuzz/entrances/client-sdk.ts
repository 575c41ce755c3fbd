import { generateKeyPairSync } from "node:crypto";
import { createLocalJWKSet } from "jose";
import { readAck } from "../../../client-sdk/src/device/read-ack.ts";
import { readDid } from "../../../client-sdk/src/device/read-did.ts";
import { readGatewayUrl } from "../../../client-sdk/src/device/read-gateway-url.ts";
import { type ChallengeReader, verifyChallenge } from "../../../client-sdk/src/device/verify-challenge.ts";
import {
  CallsealSdkError,
  type Fetch,
  interceptWebhook,
  SessionsClient,
  verifyReceipt,
} from "../../../client-sdk/src/ivr/index.ts";
import { nowSeconds } from "../../support/enrol-device.ts";
import { type Entrance, FuzzFinding } from "../entrance.ts";
import { hostileText, hostileValue, writeJson } from "../hostile-values.ts";
import { mutateJson, mutateValue } from "../mutate-json.ts";
import { mutateClaims, mutateJws } from "../mutate-jws.ts";
import { asHeaderValue } from "../mutate-request.ts";
import type { FuzzRandom } from "../random.ts";
import { signDelivery } from "../sign-delivery.ts";
import { webhookSecret } from "../tenants.ts";

const gateway = "https://gateway.test";
const signing = generateKeyPairSync("ec", { namedCurve: "P-256" });
const publicJwk = { ...signing.publicKey.export({ format: "jwk" }), kid: "k1", alg: "ES256", use: "sig" };

const document = {
  sessionId: "csn_x",
  callId: "CA1",
  provider: "twilio",
  status: "pending",
  terminal: false,
  generation: 1,
  createdAt: "2026-01-01T00:00:00.000Z",
  expiresAt: "2026-01-01T00:01:00.000Z",
  intercept: { status: "none", attempts: 0 },
};
const created = { ...document, did: "123456", ttlSeconds: 60, maxRetries: 3, prompts: { speak: "x", loop: "y" } };
const problem = {
  type: "urn:callseal:error:rate_limited",
  title: "x",
  status: 429,
  detail: "y",
  code: "rate_limited",
  correlationId: "c",
  errors: [{ pointer: "", message: "x" }],
};

/** What a hostile gateway, or somebody between, answers and sends to the SDK: a result, or an error of its own kind. */
export const clientSdk: Entrance = {
  name: "client SDK (in process)",
  weight: 9,
  async run({ random }) {
    const [name, work] = random.pick(targets);
    try {
      await work(random);
      return `${name} ok`;
    } catch (error) {
      if (error instanceof FuzzFinding) throw error;
      if (!(error instanceof CallsealSdkError))
        throw new FuzzFinding(`${name}: ${(error as Error)?.stack ?? String(error)}`);
      return `${name} ${error.code}`;
    }
  },
};

const targets: readonly [string, (random: FuzzRandom) => unknown][] = [
  ["sessions client", callSessions],
  ["sessions client", callSessions],
  ["challenge", readChallenge],
  ["receipt", readReceipt],
  ["webhook", takeWebhook],
  ["webhook", takeWebhook],
  [
    "ack",
    (random) =>
      readAck(
        random.chance(0.5)
          ? hostileJson(random)
          : mutateValue(random, { ok: false, code: "expired", advice: "stop", retryAfterSeconds: 1 }),
      ),
  ],
  ["code", (random) => readDid(hostileText(random), random.chance(0.5))],
  ["gateway url", (random) => readGatewayUrl(hostileText(random), random.chance(0.5))],
];

/** A hostile value as it can cross a wire. */
function hostileJson(random: FuzzRandom): unknown {
  try {
    return JSON.parse(writeJson(hostileValue(random)));
  } catch {
    return undefined;
  }
}

async function callSessions(random: FuzzRandom): Promise<void> {
  const fetch: Fetch = async () => hostileResponse(random);
  const client = new SessionsClient({ baseUrl: gateway, apiKey: "cs_test_x", maxAttempts: 1, timeoutMs: 200, fetch });
  const methods = [
    () => client.create({ provider: "twilio", callId: "CA1" }),
    () => client.get("csn_x"),
    () => client.loop("csn_x", { index: 1 }),
    () => client.cancel("csn_x"),
  ];
  const answer = await random.pick(methods)();
  // A flow branches on it: what is let through is one of the five.
  const { status } = answer as { status: unknown };
  if (!["pending", "confirmed", "denied", "canceled", "timeout"].includes(String(status)))
    throw new FuzzFinding(`let ${String(status)} through`);
}

function hostileResponse(random: FuzzRandom): Response {
  if (random.chance(0.05)) throw random.pick([new TypeError("fetch failed"), new Error(""), "a text"]);
  const right = random.pick([created, document, problem, { next: "prompt", status: "pending", remaining: 1 }]);
  const status = random.pick([200, 200, 201, 204, 400, 401, 404, 409, 429, 500, 503, 599]);
  const headers = new Headers({
    "content-type": random.pick(["application/json", "application/problem+json", "text/html"]),
  });
  if (random.chance(0.3))
    headers.set("retry-after", random.pick(["0", "-1", "1e9", "x", "9".repeat(400), "Mon, 23 Nov 2026 00:00:00 GMT"]));
  if (random.chance(0.3)) headers.set("x-correlation-id", asHeaderValue(hostileText(random)));
  const body = random.chance(0.2) ? JSON.stringify(right) : mutateJson(random, right);
  return new Response(status === 204 ? null : new Uint8Array(Buffer.from(body)), { status, headers });
}

const reader: ChallengeReader = { keys: createLocalJWKSet({ keys: [publicJwk] }), deviceId: "zid_x", gateway };
const content = {
  sessionId: "csn_x",
  callId: "CA1",
  provider: "twilio",
  generation: 1,
  nonce: "n",
  expiresAt: "2026-01-01T00:01:00.000Z",
  organisation: "Acme",
  dnis: null,
  aniMasked: null,
  aniMatchesDevice: null,
};

async function readChallenge(random: FuzzRandom): Promise<void> {
  const header = { alg: "ES256", typ: "callseal-challenge+jwt", kid: "k1" };
  const claims = random.chance(0.4) ? content : mutateClaims(random, content);
  const jws = mutateJws(random, { key: signing.privateKey, header, claims });
  const plain = random.chance(0.5) ? { ...content, jws } : mutateValue(random, { ...content, jws });
  const shown = await verifyChallenge(plain, reader);
  if (typeof shown.callId !== "string" || typeof shown.organisation !== "string")
    throw new FuzzFinding("a challenge without a call is shown", plain);
}

async function readReceipt(random: FuzzRandom): Promise<void> {
  const iat = nowSeconds();
  const claims = {
    iss: gateway,
    aud: "acme",
    sub: "suid_x",
    jti: "j",
    iat,
    exp: iat + 600,
    auth_time: iat,
    amr: ["mca"],
    acr: "urn:callseal:acr:code",
    sid: "csn_x",
    cid: "CA1",
    prv: "twilio",
    zid: "zid_x",
    gen: 1,
    mth: "did",
    prf: "x",
  };
  const header = { alg: "ES256", typ: "callseal-receipt+jwt", kid: "k1" };
  const receipt = mutateJws(random, {
    key: signing.privateKey,
    header,
    claims: random.chance(0.5) ? claims : mutateClaims(random, claims),
  });
  const read = await verifyReceipt(receipt, {
    jwks: { keys: [publicJwk] },
    tenant: "acme",
    issuer: gateway,
    expected: { callId: "CA1" },
  });
  if (read.cid !== "CA1" || read.aud !== "acme") throw new FuzzFinding("a receipt of another call passes", receipt);
}

async function takeWebhook(random: FuzzRandom): Promise<void> {
  const right = {
    type: "verification.confirmed",
    timestamp: "2026-01-01T00:00:00.000Z",
    data: { sessionId: "csn_x", callId: "CA1", provider: "twilio", status: "confirmed", metadata: {}, receipt: null },
  };
  const body = random.chance(0.2) ? Buffer.from(JSON.stringify(right)) : mutateJson(random, right);
  const headers = signDelivery(random, body);
  let moved: unknown;
  const handle = interceptWebhook({
    secrets: [webhookSecret],
    onConfirmed: (call) => {
      moved = call;
    },
    bodyLimitBytes: 20_000,
  });
  const response = { statusCode: 0, setHeader: () => undefined, end: () => undefined };
  async function* stream() {
    const at = random.below(body.length + 1);
    yield body.subarray(0, at);
    yield body.subarray(at);
  }
  await handle({ method: random.chance(0.95) ? "POST" : "GET", headers, [Symbol.asyncIterator]: stream }, response);
  if (![204, 400, 401, 403, 405, 413].includes(response.statusCode))
    throw new FuzzFinding(`the receiver answered ${response.statusCode}`, body);
  if (moved !== undefined && response.statusCode !== 204) throw new FuzzFinding("a refused webhook moved a call", body);
}
