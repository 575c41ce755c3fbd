import { createHmac, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  bareJwk,
  createJwsVerifier,
  largestJwsBytes,
  parseJws,
  publicJwkSchema,
} from "../../../core/devices/verify-jws.ts";

type Json = Record<string, unknown>;

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const otherEc = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");
const jwkOf = (key: KeyObject) => key.export({ format: "jwk" });
const ecJwk = bareJwk(publicJwkSchema.parse(jwkOf(ec.publicKey)));
const edJwk = bareJwk(publicJwkSchema.parse(jwkOf(ed.publicKey)));
const verifyJws = createJwsVerifier();

const base64url = (text: string | Buffer) => Buffer.from(text).toString("base64url");
const claims: Json = { iss: "zid_A", sid: "csn_1", dec: "confirm" };
const header: Json = { alg: "ES256", kid: "zid_A", typ: "callseal-confirmation+jwt" };

interface Parts {
  header?: unknown;
  claims?: unknown;
  key?: KeyObject;
}

/** Signs with the algorithm of the key, whatever the header says. */
function jws(parts: Parts = {}): string {
  const text = (value: unknown) => base64url(typeof value === "string" ? value : JSON.stringify(value));
  const input = `${text(parts.header ?? header)}.${text(parts.claims ?? claims)}`;
  return `${input}.${base64url(signatureOf(input, parts.key ?? ec.privateKey))}`;
}

function signatureOf(input: string, key: KeyObject): Buffer {
  return key.asymmetricKeyType === "ec"
    ? sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" })
    : sign(null, Buffer.from(input), key);
}

function verifies(text: unknown, publicJwk = ecJwk): boolean {
  const parsed = parseJws(text);
  return parsed !== undefined && verifyJws(parsed, publicJwk);
}

const order = BigInt("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");

/** The other spelling of an ECDSA signature: (r, n − s). */
function otherSpelling(text: string): string {
  const [head, payload, signature] = text.split(".") as [string, string, string];
  const bytes = Buffer.from(signature, "base64url");
  const s = order - BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  const flipped = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, "0"), "hex")]);
  return `${head}.${payload}.${base64url(flipped)}`;
}

/** The same 64 bytes in base64url whose unused last bits are not zero. */
function looseSpelling(text: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1)!) + 1]!;
}

describe("a right token", () => {
  test("[C30] of a P-256 key is taken apart and verified", () => {
    const text = jws();
    expect(parseJws(text)).toMatchObject({ header, claims, signingInput: text.slice(0, text.lastIndexOf(".")) });
    expect(verifies(text)).toBe(true);
  });

  test("[C30] of an Ed25519 key is verified", () => {
    expect(verifies(jws({ header: { ...header, alg: "EdDSA" }, key: ed.privateKey }), edJwk)).toBe(true);
  });

  test("[C30] may be spelt (r, n − s): the same proof in another text, so a replay is known by its jti", () => {
    const text = jws();
    const other = otherSpelling(text);
    expect(other).not.toBe(text);
    expect(verifies(other)).toBe(true);
    expect(parseJws(other)!.claims).toEqual(parseJws(text)!.claims);
  });

  test("[C30] is verified with the key of the call, also when another key was used a moment ago", () => {
    for (let time = 0; time < 3; time += 1) {
      expect(verifies(jws())).toBe(true);
      expect(verifies(jws({ key: otherEc.privateKey }))).toBe(false);
      expect(verifies(jws({ key: otherEc.privateKey }), JSON.stringify(jwkOf(otherEc.publicKey)))).toBe(true);
    }
  });
});

describe("a hostile token", () => {
  const right = jws();
  const [head, payload, signature] = right.split(".") as [string, string, string];
  const hmacWithPublicKey = (alg: string) => {
    const input = `${base64url(JSON.stringify({ ...header, alg }))}.${payload}`;
    const mac = createHmac("sha512", ecJwk).update(input).digest();
    return `${input}.${base64url(mac)}`;
  };
  const withHeader = (extra: Json) => jws({ header: { ...header, ...extra } });

  const attacker: [name: string, text: unknown][] = [
    ["nothing", undefined],
    ["null", null],
    ["a number", 7],
    ["an object", { header, claims }],
    ["a list of its own text", [right]],
    ["a Buffer", Buffer.from(right)],
    ["an empty text", ""],
    ["two parts", `${head}.${payload}`],
    ["four parts", `${right}.${signature}`],
    ["the JSON serialization", JSON.stringify({ protected: head, payload, signature })],
    ["no signature", `${head}.${payload}.`],
    ["alg none without a signature", `${base64url('{"alg":"none"}')}.${payload}.`],
    ["alg none with a signature", withHeader({ alg: "none" })],
    ["alg in other letters", withHeader({ alg: "es256" })],
    ["no alg", jws({ header: { kid: "zid_A" } })],
    ["a list of algs", withHeader({ alg: ["ES256"] })],
    ["HS256 with the public key", hmacWithPublicKey("HS256")],
    ["HS512 with the public key", hmacWithPublicKey("HS512")],
    ["ES256 of a MAC with the public key", hmacWithPublicKey("ES256")],
    ["the key's own algorithm under EdDSA", withHeader({ alg: "EdDSA" })],
    ["ES384", withHeader({ alg: "ES384" })],
    ["ES256K", withHeader({ alg: "ES256K" })],
    ["an embedded jwk", jws({ header: { ...header, jwk: jwkOf(otherEc.publicKey) }, key: otherEc.privateKey })],
    ["an embedded jwk of the right key", withHeader({ jwk: jwkOf(ec.publicKey) })],
    ["a jku", withHeader({ jku: "https://attacker.example/jwks.json" })],
    ["an x5u", withHeader({ x5u: "https://attacker.example/cert.pem" })],
    ["an x5c", withHeader({ x5c: ["MIIB"] })],
    ["a crit", withHeader({ crit: ["exp"] })],
    ["an empty crit", withHeader({ crit: [] })],
    ["an unencoded payload", withHeader({ b64: false })],
    ["a b64 that says nothing new", withHeader({ b64: true })],
    ["a jwk that is null", withHeader({ jwk: null })],
    ["a kid that is no text", withHeader({ kid: { toString: "zid_A" } })],
    ["a kid that is null", withHeader({ kid: null })],
    ["a typ that is no text", withHeader({ typ: 1 })],
    ["another device's signature", jws({ key: otherEc.privateKey })],
    ["an Ed25519 signature", jws({ key: ed.privateKey })],
    ["another header", `${base64url(JSON.stringify({ ...header, kid: "zid_B" }))}.${payload}.${signature}`],
    ["other claims", `${head}.${base64url(JSON.stringify({ ...claims, sid: "csn_2" }))}.${signature}`],
    ["a space after it", `${right} `],
    ["a newline after it", `${right}\n`],
    ["a space before it", ` ${right}`],
    ["a space in the signature", `${head}.${payload}.${signature.slice(0, 40)} ${signature.slice(41)}`],
    ["a newline in the signature", `${head}.${payload}.${signature.slice(0, 40)}\n${signature.slice(40)}`],
    ["padding after the signature", `${right}==`],
    ["padding within the length", `${right.slice(0, -2)}==`],
    ["the other alphabet", `${head}.${payload}.${"+/".repeat(43)}`],
    ["a signature of 63 bytes", `${head}.${payload}.${base64url(Buffer.alloc(63, 1))}`],
    ["a signature of 65 bytes", `${head}.${payload}.${base64url(Buffer.alloc(65, 1))}`],
    [
      "a DER signature",
      `${head}.${payload}.${base64url(sign("sha256", Buffer.from(`${head}.${payload}`), ec.privateKey))}`,
    ],
    ["the signature in a looser spelling", looseSpelling(right)],
    ["a signature of zeros", `${head}.${payload}.${base64url(Buffer.alloc(64))}`],
    ["r and s of the order", `${head}.${payload}.${base64url(Buffer.from(order.toString(16).repeat(2), "hex"))}`],
    ["a header that is no JSON", jws({ header: "{" })],
    ["a header that is a list", jws({ header: "[]" })],
    ["a header that is null", jws({ header: "null" })],
    ["claims that are no JSON", jws({ claims: "confirm" })],
    ["claims that are a list", jws({ claims: "[]" })],
    ["claims that are null", jws({ claims: "null" })],
    ["claims with a comma too many", jws({ claims: '{"a":1,}' })],
    ["an empty header", `.${payload}.${signature}`],
    ["letters of other scripts", `${head}.${payload}.${"а".repeat(86)}`],
    ["a NUL", `${right}\u0000`],
    ["4 KiB and one byte", jws({ claims: { ...claims, pad: "x".repeat(4096) } })],
    ["64 MiB", "a".repeat(64 * 1024 * 1024)],
  ];

  test.each(attacker)("[C30] is refused: %s", (_, text) => {
    expect(verifies(text)).toBe(false);
  });

  test("[C30] is refused under an Ed25519 key too, when it is an ES256 one", () => {
    expect(verifies(right, edJwk)).toBe(false);
    expect(verifies(jws({ header: { ...header, alg: "ES256" }, key: ed.privateKey }), edJwk)).toBe(false);
    const eddsa = jws({ header: { ...header, alg: "EdDSA" }, key: ed.privateKey });
    expect(verifies(looseSpelling(eddsa), edJwk)).toBe(false);
    expect(verifies(eddsa, ecJwk)).toBe(false);
  });

  test("[C30] the limit is 4 KiB to the byte", () => {
    // Three letters of JSON are four of base64url, so every fourth length can be met.
    const sizes = new Map<number, boolean>();
    for (let pad = 2700; pad < 3000; pad += 1) {
      const text = jws({ claims: { ...claims, pad: "x".repeat(pad) } });
      sizes.set(text.length, parseJws(text) !== undefined);
    }
    const accepted = [...sizes].filter(([, taken]) => taken).map(([size]) => size);
    const refused = [...sizes].filter(([, taken]) => !taken).map(([size]) => size);
    expect(Math.max(...accepted)).toBeLessThanOrEqual(largestJwsBytes);
    expect(largestJwsBytes - Math.max(...accepted)).toBeLessThan(4);
    expect(Math.min(...refused)).toBeGreaterThan(largestJwsBytes);
  });

  test("[C30] names of the prototype are ordinary claims that change nothing", () => {
    const text = jws({
      header: `{"alg":"ES256","kid":"zid_A","__proto__":{"crit":["x"],"typ":"polluted"},"toString":1}`,
      claims: `{"iss":"zid_A","__proto__":{"dec":"confirm"},"constructor":{"prototype":{"dec":"confirm"}}}`,
    });
    const parsed = parseJws(text);
    expect(parsed?.header.typ).toBeUndefined();
    expect(parsed?.claims["dec"]).toBeUndefined();
    expect(({} as Json)["dec"]).toBeUndefined();
    expect(verifies(text)).toBe(true);
  });

  test("[C30] a shape check on a long hostile text is quick", () => {
    const started = performance.now();
    for (const text of [
      "a".repeat(4096),
      "a.".repeat(2048),
      ".".repeat(4096),
      `${"a".repeat(2000)}.${"b".repeat(2000)}`,
    ])
      for (let time = 0; time < 100; time += 1) expect(parseJws(text)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe("a public key", () => {
  const right = jwkOf(ec.publicKey);
  const rightEd = jwkOf(ed.publicKey);

  test("[C31] of either kind is taken, and only the members that make it are kept", () => {
    expect(JSON.parse(bareJwk(publicJwkSchema.parse({ ...right, kid: "x", use: "sig", alg: "ES256" })))).toEqual(right);
    expect(JSON.parse(bareJwk(publicJwkSchema.parse({ ...rightEd, note: "x" })))).toEqual(rightEd);
  });

  const flipLast = (text: string) => {
    const bytes = Buffer.from(text, "base64url");
    bytes[31]! ^= 1;
    return base64url(bytes);
  };
  const rsa = jwkOf(generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey);
  const p384 = jwkOf(generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey);
  const k256 = jwkOf(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey);
  const x25519 = jwkOf(generateKeyPairSync("x25519").publicKey);

  const attacker: [name: string, jwk: unknown][] = [
    ["nothing", undefined],
    ["null", null],
    ["a text", JSON.stringify(right)],
    ["a list", [right]],
    ["an empty object", {}],
    ["a private P-256 key", jwkOf(ec.privateKey)],
    ["a private Ed25519 key", jwkOf(ed.privateKey)],
    ["a private member that is empty", { ...right, d: "" }],
    ["a private member that is null", { ...right, d: null }],
    ["a symmetric member", { ...right, k: "c2VjcmV0" }],
    ["an RSA prime", { ...right, p: "AQAB" }],
    ["an RSA key", rsa],
    ["a P-384 key", p384],
    ["a secp256k1 key", k256],
    ["an X25519 key", x25519],
    ["a symmetric key", { kty: "oct", k: "c2VjcmV0" }],
    ["another curve's name on the point", { ...right, crv: "Ed25519" }],
    ["another type's name on the point", { ...right, kty: "OKP" }],
    ["Ed25519 as EC", { ...rightEd, kty: "EC" }],
    ["P-256 without y", { ...right, y: undefined }],
    ["Ed25519 with y", { ...rightEd, y: right.y }],
    ["a point off the curve", { ...right, y: flipLast(right.y!) }],
    ["the origin", { ...right, x: base64url(Buffer.alloc(32)), y: base64url(Buffer.alloc(32)) }],
    ["coordinates beyond the field", { ...right, x: base64url(Buffer.alloc(32, 255)), y: right.y }],
    ["a coordinate of 31 bytes", { ...right, x: base64url(Buffer.alloc(31, 1)) }],
    ["a coordinate of 33 bytes", { ...right, x: base64url(Buffer.alloc(33, 1)) }],
    ["a padded coordinate", { ...right, x: `${right.x}=` }],
    ["a coordinate with a space", { ...right, x: `${right.x!.slice(0, -1)} ` }],
    ["a coordinate in a looser spelling", { ...right, x: looseSpelling(right.x!) }],
    ["an Ed25519 point in a looser spelling", { ...rightEd, x: looseSpelling(rightEd.x!) }],
    ["a coordinate that is a number", { ...right, x: 7 }],
    ["a type that is a list", { ...right, kty: ["EC"] }],
    ["a type from the prototype", { ...right, kty: "__proto__" }],
  ];

  test.each(attacker)("[C31] is refused: %s", (_, jwk) => {
    expect(publicJwkSchema.safeParse(jwk).success).toBe(false);
  });

  test("[C31] names of the prototype do not make it private or change it", () => {
    const hostile = JSON.parse(
      JSON.stringify(right).replace("{", '{"__proto__":{"d":"AQAB"},"constructor":{"d":"AQAB"},'),
    ) as JsonWebKey;
    const parsed = publicJwkSchema.safeParse(hostile);
    if (parsed.success) expect(JSON.parse(bareJwk(parsed.data))).toEqual(right);
    expect(({} as Json)["d"]).toBeUndefined();
  });
});
