import { createPublicKey, type KeyObject, type PublicKeyInput, verify } from "node:crypto";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import { repeatsAMember } from "../json/repeats-a-member.ts";
import { derFromRaw } from "../keys/ecdsa-encoding.ts";

/** PROTOCOL §4: three base64url parts, the last one a 64-byte signature (ES256 or EdDSA). */
const compactShape = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}$/;
export const largestJwsBytes = 4096;

/** Headers that would let a token choose its own key, or mean something that is not checked here (RFC 7515 §4.1). */
const refusedHeaders = ["jwk", "jku", "x5u", "x5c", "crit", "b64"];

export interface DeviceJws {
  header: { alg: string; kid?: string; typ?: string };
  claims: Record<string, unknown>;
  signingInput: string;
  signature: string;
}

/** Takes a compact JWS apart without trusting it; undefined when its size, shape or header is refused. */
export function parseJws(text: unknown): DeviceJws | undefined {
  if (typeof text !== "string" || text.length > largestJwsBytes || !compactShape.test(text)) return undefined;
  const [header, payload, signature] = text.split(".") as [string, string, string];
  const parsedHeader = decodeObject(header);
  const claims = decodeObject(payload);
  if (!parsedHeader || !claims || refusedHeaders.some((name) => name in parsedHeader)) return undefined;
  const { alg, kid, typ } = parsedHeader;
  if (
    typeof alg !== "string" ||
    (kid !== undefined && typeof kid !== "string") ||
    (typ !== undefined && typeof typ !== "string")
  )
    return undefined;
  return {
    header: { alg, ...(kid === undefined ? {} : { kid }), ...(typ === undefined ? {} : { typ }) },
    claims,
    signingInput: `${header}.${payload}`,
    signature,
  };
}

function decodeObject(part: string): Record<string, unknown> | undefined {
  try {
    const json = Buffer.from(part, "base64url").toString("utf8");
    const value: unknown = JSON.parse(json);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return repeatsAMember(json, value) ? undefined : (value as Record<string, unknown>);
  } catch {
    return undefined;
  }
}

/** 32 bytes in their one spelling: the last letter's two unused bits are zero (RFC 4648 §3.5). */
const base64url = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
/** RFC 7518 §6.2 and RFC 8037: a public P-256 or Ed25519 key, and never a private member. */
export const publicJwkSchema = z
  .looseObject({
    kty: z.enum(["EC", "OKP"]),
    crv: z.enum(["P-256", "Ed25519"]),
    x: z.string().regex(base64url),
    y: z.string().regex(base64url).optional(),
  })
  .refine((jwk) => (jwk.kty === "EC") === (jwk.crv === "P-256"), "kty and crv do not go together")
  .refine((jwk) => (jwk.kty === "EC") === (jwk.y !== undefined), "y belongs to a P-256 key, and only there")
  .refine(
    (jwk) => !["d", "p", "q", "dp", "dq", "qi", "oth", "k"].some((member) => member in jwk),
    "has a private member",
  )
  .refine((jwk) => importKey(jwk) !== undefined, "is not a point of its curve");

export type PublicJwk = z.output<typeof publicJwkSchema>;

/** The members that make the key, and nothing else that came with it. */
export function bareJwk({ kty, crv, x, y }: PublicJwk): string {
  return JSON.stringify({ kty, crv, x, ...(y === undefined ? {} : { y }) });
}

function importKey(jwk: { kty: string; crv: string; x: string; y?: string | undefined }): KeyObject | undefined {
  try {
    const { kty, crv, x, y } = jwk;
    return createPublicKey({ key: { kty, crv, x, ...(y === undefined ? {} : { y }) }, format: "jwk" });
  } catch {
    return undefined;
  }
}

export type VerifyJws = (jws: DeviceJws, publicJwk: string) => boolean;

/**
 * Verifies with the device's own key and that key's own algorithm, whatever the header claims. Importing a key costs as
 * much as a verification, so the keys of whoever was here last are remembered, by default 2,000; not of everybody who is
 * connected, since an imported key takes 2.4 KB.
 */
export function createJwsVerifier(options: { rememberedKeys?: number } = {}): VerifyJws {
  const keys = new LRUCache<string, KeyObject>({ max: options.rememberedKeys ?? 2000 });
  return (jws, publicJwk) => {
    let key = keys.get(publicJwk);
    if (!key) {
      key = importKey(JSON.parse(publicJwk) as PublicJwk);
      if (!key) return false;
      keys.set(publicJwk, key);
    }
    return isSigned(jws, key.asymmetricKeyType === "ec", key);
  };
}

/**
 * The same for a key that is not needed again soon. Nothing is imported: an imported key stays until garbage is
 * collected, and thousands of handshakes would leave thousands of them.
 */
export function verifyOnce(jws: DeviceJws, publicJwk: string): boolean {
  const { kty, x, y = "" } = JSON.parse(publicJwk) as PublicJwk;
  const elliptic = kty === "EC";
  const key = Buffer.concat([
    elliptic ? p256Head : ed25519Head,
    Buffer.from(x, "base64url"),
    Buffer.from(y, "base64url"),
  ]);
  return isSigned(jws, elliptic, { key, format: "der", type: "spki" });
}

/** What comes before the point's coordinates in a SubjectPublicKeyInfo (RFC 5480 §2, RFC 8410 §4). */
const p256Head = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d03010703420004", "hex");
const ed25519Head = Buffer.from("302a300506032b6570032100", "hex");

function isSigned(jws: DeviceJws, elliptic: boolean, key: KeyObject | PublicKeyInput): boolean {
  if (jws.header.alg !== (elliptic ? "ES256" : "EdDSA")) return false;
  const signature = Buffer.from(jws.signature, "base64url");
  if (signature.toString("base64url") !== jws.signature) return false;
  const input = Buffer.from(jws.signingInput);
  return elliptic ? verify("sha256", input, key, derFromRaw(signature)) : verify(null, input, key, signature);
}
