import { createHmac, randomBytes } from "node:crypto";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { verifyWebhook, type WebhookToVerify } from "../../client-sdk/src/ivr/index.ts";
import { catchError } from "./catch-error.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const payload = '{"test": 2432232314}';
const signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const timestamp = 1_614_265_330;

function delivery(changes: Partial<WebhookToVerify> = {}, headers: Record<string, string | string[] | undefined> = {}) {
  return {
    secrets: [secret],
    headers: { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": signature, ...headers },
    body: bytes(payload),
    nowMs: timestamp * 1000,
    ...changes,
  };
}

const accepts = async (webhook: WebhookToVerify) => (await verifyWebhook(webhook)).id;
const refusal = async (webhook: WebhookToVerify) => (await catchError(verifyWebhook(webhook))).code;

describe("[K19] published vectors", () => {
  // The first is the one of the reference libraries (standard-webhooks/standard-webhooks, `sign function works`); the others are
  // the worked examples of Svix' documentation "Verifying webhooks manually", whose scheme became the specification.
  test.each([
    [secret, id, timestamp, payload, signature],
    [
      "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
      "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
      1_649_367_553,
      '{"email":"test@example.com","username":"test_user"}',
      "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    ],
    [
      "whsec_plJ3nmyCDGBKInavdOK15jsl",
      "msg_loFOjxBNrRLzqYUf",
      1_731_705_121,
      '{"event_type":"ping","data":{"success":true}}',
      "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    ],
  ])("%s verifies %s", async (vectorSecret, vectorId, vectorTimestamp, vectorPayload, vectorSignature) => {
    const webhook = {
      secrets: [vectorSecret],
      headers: {
        "webhook-id": vectorId,
        "webhook-timestamp": String(vectorTimestamp),
        "webhook-signature": vectorSignature,
      },
      body: bytes(vectorPayload),
      nowMs: vectorTimestamp * 1000,
    };
    expect(await verifyWebhook(webhook)).toEqual({ id: vectorId, timestampSeconds: vectorTimestamp });
    expect(await refusal({ ...webhook, body: bytes(`${vectorPayload} `) })).toBe("invalid_signature");
  });
});

describe("rotation", () => {
  const other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

  test("[K20] any of several secrets may have signed", async () => {
    expect(await accepts(delivery({ secrets: [other, secret] }))).toBe(id);
    expect(await refusal(delivery({ secrets: [other] }))).toBe("invalid_signature");
    expect(await refusal(delivery({ secrets: [] }))).toBe("invalid_signature");
  });

  test("[K20] any of several signatures may match; other versions are skipped", async () => {
    const wrong = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
    const list = `${wrong} v2,${signature.slice(3)} v1a,AAAA ${signature} ${wrong}`;
    expect(await accepts(delivery({}, { "webhook-signature": list }))).toBe(id);
    expect(await refusal(delivery({}, { "webhook-signature": signature.replace("v1,", "v2,") }))).toBe(
      "invalid_signature",
    );
  });

  test("a secret is taken with and without its prefix", async () => {
    expect(await accepts(delivery({ secrets: [secret.slice(6)] }))).toBe(id);
  });
});

describe("tolerance", () => {
  test.each([0, 300, -300])("[K21] a delivery %i seconds away is accepted", async (offset) => {
    expect(await accepts(delivery({ nowMs: (timestamp + offset) * 1000 }))).toBe(id);
  });
  test.each([301, -301, 86_400])("[K21] a delivery %i seconds away is refused", async (offset) => {
    expect(await refusal(delivery({ nowMs: (timestamp + offset) * 1000 }))).toBe("invalid_signature");
  });
  test("[K21] the tolerance is the receiver's", async () => {
    expect(await refusal(delivery({ nowMs: (timestamp + 10) * 1000, toleranceSeconds: 5 }))).toBe("invalid_signature");
  });
});

describe("hostile headers", () => {
  const attackers: Record<string, string | string[] | undefined>[] = [
    { "webhook-id": undefined },
    { "webhook-id": "" },
    { "webhook-id": [id, id] },
    { "webhook-id": `${id}.1` },
    { "webhook-id": `${id}\n` },
    { "webhook-id": "x".repeat(257) },
    { "webhook-timestamp": undefined },
    { "webhook-timestamp": "hello" },
    { "webhook-timestamp": `${timestamp}.0` },
    { "webhook-timestamp": `+${timestamp}` },
    { "webhook-timestamp": ` ${timestamp}` },
    { "webhook-timestamp": `0x${timestamp.toString(16)}` },
    { "webhook-timestamp": "9".repeat(20) },
    { "webhook-signature": undefined },
    { "webhook-signature": "" },
    { "webhook-signature": "v1," },
    { "webhook-signature": "v1" },
    { "webhook-signature": signature.slice(0, 8) },
    { "webhook-signature": signature.slice(3) },
    { "webhook-signature": signature.replace("=", "") },
    { "webhook-signature": `${signature}=` },
    { "webhook-signature": signature.replaceAll("/", "_").replaceAll("+", "-") },
    { "webhook-signature": signature.replace("OE=", "OF=") },
    { "webhook-signature": signature.toUpperCase() },
    { "webhook-signature": Array.from({ length: 100 }, () => signature).join(" ") },
    { "webhook-signature": `${"v1,x ".repeat(20)}${signature}` },
  ];
  test.each(attackers)("%j is refused", async (attacker) => {
    expect(await refusal(delivery({}, attacker))).toBe("invalid_signature");
  });

  test("an id with a full stop is refused even when it is signed: the message could be cut up in another way", async () => {
    const attacker = `${id}.1`;
    const made = new Webhook(secret).sign(attacker, new Date(timestamp * 1000), payload);
    const headers = { "webhook-id": attacker, "webhook-signature": made };
    expect(await refusal(delivery({}, headers))).toBe("invalid_signature");
  });

  test.each(["whsec_", "whsec_!!", "whsec_AAAA", "", "secret"])("%j is no secret", async (attacker) => {
    expect(await refusal(delivery({ secrets: [attacker] }))).toBe("invalid_argument");
  });
});

describe("[K19] against the reference library", () => {
  test("what it signs is accepted, whatever the bytes of the payload", async () => {
    const secretOf = () => `whsec_${randomBytes(24).toString("base64")}`;
    const sample = fc.asyncProperty(
      fc.string({ unit: "binary", maxLength: 500 }),
      fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/),
      async (text, message) => {
        const key = secretOf();
        const at = new Date();
        const made = new Webhook(key).sign(message, at, text);
        const headers = {
          "webhook-id": message,
          "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
          "webhook-signature": made,
        };
        expect(await accepts({ secrets: [secretOf(), key], headers, body: bytes(text) })).toBe(message);
        expect(await refusal({ secrets: [secretOf()], headers, body: bytes(text) })).toBe("invalid_signature");
      },
    );
    await fc.assert(sample, { numRuns: 100 });
  });

  test("a payload that is no UTF-8 is signed by its bytes", async () => {
    const body = new Uint8Array([0xff, 0xfe, 0x00, 0x80]);
    const key = Buffer.from(secret.slice(6), "base64");
    const made = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
    expect(await accepts(delivery({ body }, { "webhook-signature": `v1,${made}` }))).toBe(id);
  });
});
