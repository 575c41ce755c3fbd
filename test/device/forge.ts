import { createHmac, type KeyObject, sign } from "node:crypto";
import { HandshakeRefused } from "../support/open-device-socket.ts";

/** The data of a refused handshake; fails when it was accepted. */
export async function handshakeRefusal(opening: Promise<unknown>): Promise<unknown> {
  const error = await opening.then(
    () => new Error("the handshake was accepted"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof HandshakeRefused)) throw error;
  return error.data;
}

/** A segment of a compact JWS, made of any text. */
export const segment = (text: string): string => Buffer.from(text).toString("base64url");

/** A compact JWS over header and claims as they are written, for what no JSON serializer would write. */
export function signTexts(key: KeyObject, header: string, claims: string): string {
  const input = `${segment(header)}.${segment(claims)}`;
  const digest = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return `${input}.${sign(digest, Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

/** A compact JWS by HMAC: the public key taken for a shared secret (RFC 8725 §2.1). */
export function signHmac(secret: string, header: { alg: "HS256" | "HS512" }, claims: object): string {
  const input = `${segment(JSON.stringify(header))}.${segment(JSON.stringify(claims))}`;
  const digest = header.alg === "HS256" ? "sha256" : "sha512";
  return `${input}.${createHmac(digest, secret).update(input).digest("base64url")}`;
}

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The other valid signature of the same text by the same P-256 key: (r, n − s). */
export function malleate(jws: string): string {
  const [header, claims, signature] = jws.split(".") as [string, string, string];
  const bytes = Buffer.from(signature, "base64url");
  const s = BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  const other = Buffer.from((order - s).toString(16).padStart(64, "0"), "hex");
  return `${header}.${claims}.${Buffer.concat([bytes.subarray(0, 32), other]).toString("base64url")}`;
}

/** The same signature bytes, spelt with bits that base64url leaves open: 86 characters are four bits more than 64 bytes. */
export function respell(jws: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return jws.slice(0, -1) + alphabet[alphabet.indexOf(jws.at(-1)!) + 1];
}

export function swapClaims(jws: string, claims: object): string {
  const [header, , signature] = jws.split(".");
  return `${header}.${segment(JSON.stringify(claims))}.${signature}`;
}
