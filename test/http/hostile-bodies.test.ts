import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { activationCode, newSigner } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { callerApi, openSession } from "../support/open-session.ts";
import { type SendOptions, send } from "../support/send.ts";
import { snapshotRedis } from "../support/snapshot-redis.ts";
import { testTenant } from "../support/test-tenants.ts";

const fixture = useGateways();
const json = { "content-type": "application/json" };

/** Whatever the endpoint wants, none of these is it: bytes that are no JSON, or JSON that is no object of ours. */
const hostileTexts: [name: string, attacker: string | Buffer][] = [
  ["an open brace", "{"],
  ["a closing brace", "}"],
  ["a word", "nope"],
  ["single quotes", "{'a':1}"],
  ["a trailing comma", '{"a":1,}'],
  ["two values", "{}{}"],
  ["white space", " \n "],
  ["NUL bytes", "\0\0\0"],
  ["a raw control character in a string", '{"a":"\u0001"}'],
  ["a lone byte order mark", "\ufeff"],
  ["bytes that are no UTF-8", Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
  ["an overlong slash", Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
  ["UTF-16", Buffer.from('{"a":1}', "utf16le")],
  ["an array", "[]"],
  ["null", "null"],
  ["a string", '"text"'],
  ["a number", "5"],
  ["true", "true"],
  ["arrays eight thousand deep", "[".repeat(8000) + "]".repeat(8000)],
  ["objects two thousand deep", `${'{"a":'.repeat(2000)}1${"}".repeat(2000)}`],
  ["a number of sixteen thousand digits", `{"index":${"9".repeat(16_000)}}`],
  ["an endless exponent", '{"index":1e999999999}'],
  ["a member named twice", '{"a":1,"a":2}'],
  ["a nested member named twice", '{"metadata":{"a":"1","\\u0061":"2"}}'],
  ["__proto__", '{"__proto__":{"provider":"generic"}}'],
  ["an escaped __proto__", '{"metadata":{"\\u005f_proto__":"x"}}'],
  ["constructor", '{"constructor":{"prototype":{"admin":true}}}'],
  ["toString", '{"toString":1}'],
  ["an unknown field", '{"surprise":1}'],
];

const small = Buffer.from("{}");
const headed: [name: string, expected: number, headers: Record<string, string>, attacker: Buffer][] = [
  ["no content type", 415, {}, small],
  ["plain text", 415, { "content-type": "text/plain" }, small],
  ["a form with fields", 415, { "content-type": "multipart/form-data; boundary=x" }, small],
  ["XML", 415, { "content-type": "application/xml" }, small],
  ["a relative of JSON", 415, { "content-type": "application/problem+json" }, small],
  ["half a media type", 415, { "content-type": "application" }, small],
  ["an empty media type", 415, { "content-type": "" }, small],
  ["Latin-1", 415, { "content-type": "application/json; charset=iso-8859-1" }, small],
  ["UTF-16 by its name", 415, { "content-type": "application/json; charset=utf-16" }, small],
  ["UTF-7", 415, { "content-type": 'application/json; charset="utf-7"' }, small],
  ["gzip", 415, { ...json, "content-encoding": "gzip" }, gzipSync(small)],
  ["a gzip bomb", 415, { ...json, "content-encoding": "gzip" }, gzipSync(Buffer.alloc(10_000_000, 0x20))],
  ["an unknown coding", 415, { ...json, "content-encoding": "br, gzip, x" }, small],
  ["a body above 16 KiB", 413, json, Buffer.alloc(16_385, 0x20)],
  ["a body of a megabyte", 413, json, Buffer.alloc(1_000_000, 0x20)],
];

interface Doors {
  deployment: Deployment;
  doors: { line: string; key?: string }[];
}

/** Every endpoint that takes a JSON body, with a session, a subject and an activation code to lose. */
async function openDoors(): Promise<Doors> {
  const deployment = await fixture.start({
    tenants: [testTenant({ limits: { enrollmentsPerHourPerAddress: 1_000_000 } })],
  });
  const { sessionId } = await openSession(deployment);
  const { subjectId } = await activationCode(deployment);
  const { sessions, admin } = deployment.keys;
  return {
    deployment,
    doors: [
      { line: `POST ${callerApi}/sessions`, key: sessions },
      { line: `POST ${callerApi}/sessions/${sessionId}/cancel`, key: sessions },
      { line: `POST ${callerApi}/sessions/${sessionId}/loop`, key: sessions },
      { line: `POST ${callerApi}/sessions/${sessionId}/call-ended`, key: sessions },
      { line: "POST /ivr/sessions", key: sessions },
      { line: "POST /admin/v1/subjects", key: admin },
      { line: `POST /admin/v1/subjects/${subjectId}/activation-codes`, key: admin },
      { line: "POST /scramble/device/v1/enrollments" },
    ],
  };
}

async function expectRefused(
  deployment: Deployment,
  row: { line: string; name: string; options: SendOptions; expected: { status: number; code: string } },
): Promise<void> {
  const answer = await send(deployment.gateway, row.line, row.options);
  const seen = { line: row.line, name: row.name, status: answer.status, code: answer.body.code };
  expect(seen).toEqual({ line: row.line, name: row.name, ...row.expected });
  expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json/);
}

describe("hostile bodies", () => {
  test("[S29] no text that is not the wanted object changes anything, at any endpoint: 400 invalid_request", async () => {
    const { deployment, doors } = await openDoors();
    const before = await snapshotRedis(fixture.core.admin, deployment.prefix);
    for (const { line, key } of doors) {
      for (const [name, attacker] of hostileTexts) {
        const options = { ...(key ? { key } : {}), body: attacker, headers: json };
        const expected = { status: 400, code: "invalid_request" };
        await expectRefused(deployment, { line, name, options, expected });
      }
    }
    expect(await snapshotRedis(fixture.core.admin, deployment.prefix)).toEqual(before);
    expect((await send(deployment.gateway, "GET /readyz")).status).toBe(200);
  });

  test("[S30] another media type, charset or coding is 415, and what is too large 413, at any endpoint", async () => {
    const { deployment, doors } = await openDoors();
    const before = await snapshotRedis(fixture.core.admin, deployment.prefix);
    for (const { line, key } of doors) {
      for (const [name, status, headers, attacker] of headed) {
        const options = { ...(key ? { key } : {}), body: attacker, headers };
        const code = status === 413 ? "payload_too_large" : "unsupported_media_type";
        await expectRefused(deployment, { line, name, options, expected: { status, code } });
      }
    }
    expect(await snapshotRedis(fixture.core.admin, deployment.prefix)).toEqual(before);
  });

  test("[S30] a byte order mark before good JSON is passed over", async () => {
    const { deployment } = await openDoors();
    const options = { key: deployment.keys.sessions, body: '\ufeff{"provider":"generic","callId":"c"}', headers: json };
    expect((await send(deployment.gateway, `POST ${callerApi}/sessions`, options)).status).toBe(201);
  });
});

const good = { provider: "generic", callId: "c" };
const wrongTexts: unknown[] = [null, 5, true, [], {}, ["x"], "\u0000", "\ud800", "x".repeat(300)];

/** One hostile value a row, by endpoint and field; everything beside it is good. */
const hostileFields: [door: number, attacker: Record<string, unknown>][] = [
  ...wrongTexts.map((value): [number, Record<string, unknown>] => [0, { ...good, callId: value }]),
  ...["", " ", "a b", "a\n", "é", "日", "x".repeat(129), "a\u007f"].map((value): [number, Record<string, unknown>] => [
    0,
    { ...good, callId: value },
  ]),
  ...[undefined, "", "Twilio", "sms", "__proto__", "constructor", ["twilio"], null].map(
    (value): [number, Record<string, unknown>] => [0, { ...good, provider: value }],
  ),
  ...[
    "",
    "4155550000",
    "+0155550000",
    "+1",
    "+1415555000a",
    "+1 415 555 0000",
    "tel:+14155550000",
    "+1234567890123456",
    "anonymous",
    "+１４１５",
  ].flatMap((value): [number, Record<string, unknown>][] => [
    [0, { ...good, ani: value }],
    [0, { ...good, dnis: value }],
  ]),
  ...wrongTexts.map((value): [number, Record<string, unknown>] => [0, { ...good, locale: value }]),
  ...[
    ...wrongTexts.filter((value) => typeof value !== "object" || Array.isArray(value)),
    null,
    { a: 5 },
    { a: null },
    { a: {} },
    { a: "x".repeat(257) },
    { ["k".repeat(65)]: "v" },
    { a: "\u0000" },
    { a: "\udfff" },
    Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, "v"])),
  ].map((value): [number, Record<string, unknown>] => [0, { ...good, metadata: value }]),
  ...["", "me", "suid_", "suid_a b", `suid_${"x".repeat(65)}`, null, 5].map(
    (value): [number, Record<string, unknown>] => [0, { ...good, expectedSubject: value }],
  ),
  ...["true", 1, null, {}].map((value): [number, Record<string, unknown>] => [0, { ...good, reissue: value }]),
  ...wrongTexts.map((value): [number, Record<string, unknown>] => [0, { ...good, stirVerstat: value }]),
  [0, { ...good, did: "123456" }],
  [0, { ...good, tenant: "globex" }],
  ...[undefined, null, 0, -1, 1.5, "1", 1e300, [1], true].map((value): [number, Record<string, unknown>] => [
    2,
    { index: value },
  ]),
  ...["", "10", "x", "٠", " 0", 0, null, ["0"]].map((value): [number, Record<string, unknown>] => [
    2,
    { index: 1, digit: value },
  ]),
  ...[-1, "5", null, 1e9, {}].map((value): [number, Record<string, unknown>] => [3, { durationSeconds: value }]),
  ...wrongTexts.map((value): [number, Record<string, unknown>] => [3, { disposition: value }]),
  [1, { reason: "x" }],
  ...wrongTexts.map((value): [number, Record<string, unknown>] => [4, { contactId: value }]),
  [4, { callId: "c", provider: "generic", ani: "5" }],
  ...[undefined, null, "", 5, "x".repeat(129)].map((value): [number, Record<string, unknown>] => [
    5,
    { externalId: value },
  ]),
  ...[null, "+14155550000", ["5"], [null], Array(11).fill("+14155550000")].map(
    (value): [number, Record<string, unknown>] => [5, { externalId: "e", phones: value }],
  ),
  [6, { lifetime: 9 }],
];

describe("hostile fields", () => {
  test("[S31] no wrong value of any field changes anything: 400 with a pointer", async () => {
    const { deployment, doors } = await openDoors();
    const before = await snapshotRedis(fixture.core.admin, deployment.prefix);
    for (const [door, attacker] of hostileFields) {
      const { line, key } = doors[door]!;
      const body = JSON.stringify(attacker);
      const answer = await send(deployment.gateway, line, { ...(key ? { key } : {}), body, headers: json });
      const seen = { line, body, status: answer.status, code: answer.body.code };
      expect(seen).toEqual({ line, body, status: 400, code: "invalid_request" });
      expect(answer.body.errors.length).toBeGreaterThan(0);
    }
    expect(await snapshotRedis(fixture.core.admin, deployment.prefix)).toEqual(before);
  });

  test("[S31] no wrong enrolment enrols: keys, proofs and texts", async () => {
    const { deployment, doors } = await openDoors();
    const { code } = await activationCode(deployment);
    const signer = newSigner();
    const claims = { aud: deployment.publicUrl, code, iat: Math.floor(Date.now() / 1000), jti: "jti-1234" };
    const proof = signer.sign({ typ: "callseal-enrollment+jwt" }, claims);
    const valid = { activationCode: code, publicJwk: signer.publicJwk, name: "n", platform: "p", proof };
    const before = await snapshotRedis(fixture.core.admin, deployment.prefix);
    const attackers: Record<string, unknown>[] = [
      ...["activationCode", "publicJwk", "name", "platform", "proof"].flatMap((field) =>
        [undefined, null, 5, [], ""].map((value) => ({ ...valid, [field]: value })),
      ),
      { ...valid, name: "\ud800" },
      { ...valid, name: "x".repeat(129) },
      { ...valid, platform: "a\u0000b" },
      { ...valid, phone: "4155550000" },
      { ...valid, phone: "+14155550000" },
      { ...valid, publicJwk: { ...signer.publicJwk, d: "x".repeat(43) } },
      { ...valid, publicJwk: newSigner().publicJwk },
      { ...valid, publicJwk: { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) } },
      { ...valid, publicJwk: { kty: "oct", k: "x".repeat(43) } },
      { ...valid, uvJwk: { ...newSigner().publicJwk, d: "x".repeat(43) } },
      { ...valid, proof: "a.b.c" },
      ...[
        { aud: "https://elsewhere.test" },
        { code: "another" },
        { iat: claims.iat - 301 },
        { iat: claims.iat + 600 },
        { iat: "now" },
        { jti: undefined },
        { jti: "" },
        { exp: claims.iat - 1 },
      ].map((wrong) => ({ ...valid, proof: signer.sign({}, { ...claims, ...wrong }) })),
      { ...valid, proof: signer.sign({ typ: "callseal-confirmation+jwt" }, claims) },
      { ...valid, proof: signer.sign({ jwk: signer.publicJwk }, claims) },
      { ...valid, proof: signer.sign({ alg: "none" }, claims) },
    ];
    for (const attacker of attackers) {
      const answer = await send(deployment.gateway, doors[7]!.line, { json: attacker });
      expect({ attacker, status: answer.status, code: answer.body.code }).toEqual({
        attacker,
        status: 400,
        code: "invalid_request",
      });
    }
    expect(await snapshotRedis(fixture.core.admin, deployment.prefix)).toEqual(before);
    expect((await send(deployment.gateway, doors[7]!.line, { json: valid })).status).toBe(201);
    const spent = await send(deployment.gateway, doors[7]!.line, { json: valid });
    expect({ status: spent.status, code: spent.body.code }).toEqual({ status: 401, code: "invalid_activation_code" });
  });
});
