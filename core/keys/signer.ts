import { createPrivateKey, createPublicKey, hash, type JsonWebKey, type KeyObject, sign, verify } from "node:crypto";
import type { JWK } from "jose";
import { z } from "zod";
import { ConfigError } from "../config/config.ts";
import { rawFromDer } from "./ecdsa-encoding.ts";

const privateJwk = z.looseObject({
  kty: z.literal("EC"),
  crv: z.literal("P-256"),
  x: z.string(),
  y: z.string(),
  d: z.string(),
  kid: z.string().min(1).max(128).optional(),
});
const privateJwks = z.object({ keys: z.array(privateJwk).min(1).max(10) });

export interface Signer {
  /** The public keys, for /.well-known/jwks.json. A rotated key stays in the setting until its last receipt has expired. */
  jwks: { keys: JWK[] };
  /** A compact JWS (ES256) by the first key. */
  sign(typ: string, claims: Record<string, unknown>): Promise<string>;
}

/** Signs receipts and challenges with the first key of a private JWKS (RFC 7517), and publishes all of them. */
export async function createSigner(jwksJson: string): Promise<Signer> {
  const keys = parseKeys(jwksJson);
  const published: JWK[] = [];
  let signing: { key: KeyObject; kid: string } | undefined;
  for (const jwk of keys) {
    const key = importPrivateKey(jwk);
    const exported = createPublicKey(key).export({ format: "jwk" }) as JWK;
    const kid = jwk.kid ?? thumbprintOf(exported);
    published.push({ ...exported, kid, alg: "ES256", use: "sig" });
    signing ??= { key, kid };
  }
  const { key, kid } = signing!;
  return {
    jwks: { keys: published },
    sign: async (typ, claims) => signCompact({ alg: "ES256", kid, typ }, claims, key),
  };
}

/**
 * A compact JWS (RFC 7515 §7.1) with ES256 (RFC 7518 §3.4). By Node itself and on this thread: a library's way over
 * WebCrypto and the thread pool costs several times as much (docs/PERFORMANCE.md).
 */
function signCompact(header: Record<string, string>, claims: Record<string, unknown>, key: KeyObject): string {
  const input = `${encodePart(header)}.${encodePart(claims)}`;
  const signature = rawFromDer(sign("sha256", Buffer.from(input), key));
  return `${input}.${signature.toString("base64url")}`;
}

function encodePart(part: Record<string, unknown>): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}

function fault(message: string): ConfigError {
  return new ConfigError("The environment is not usable:", [`CALLSEAL_SIGNING_KEYS: ${message}`]);
}

/** A private number and a public point that do not belong together would sign receipts that nobody can verify. */
function importPrivateKey(jwk: z.output<typeof privateJwk>): KeyObject {
  try {
    const key = createPrivateKey({ key: jwk, format: "jwk" });
    const signature = sign("sha256", Buffer.from("probe"), key);
    if (verify("sha256", Buffer.from("probe"), createPublicKey({ key: publicPart(jwk), format: "jwk" }), signature))
      return key;
  } catch {
    // Answered below, without what the library says of the key.
  }
  throw fault("has a key that is not a P-256 key pair");
}

/** RFC 7638: the members that make the key, in the order of their names. */
function thumbprintOf({ crv, kty, x, y }: JWK): string {
  return hash("sha256", JSON.stringify({ crv, kty, x, y }), "base64url");
}

function publicPart({ kty, crv, x, y }: z.output<typeof privateJwk>): JsonWebKey {
  return { kty, crv, x, y };
}

function parseKeys(jwksJson: string) {
  let json: unknown;
  try {
    json = JSON.parse(jwksJson);
  } catch {
    throw fault("is not JSON");
  }
  const parsed = privateJwks.safeParse(json);
  if (!parsed.success) throw fault("is not a JWKS of private P-256 keys");
  return parsed.data.keys;
}
