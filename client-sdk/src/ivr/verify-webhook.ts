import { CallsealSdkError } from "../errors.ts";

export interface WebhookToVerify {
  /** Every secret that may have signed, `whsec_` and base64; several during a rotation. */
  secrets: readonly string[];
  headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The bytes as received: parsing and serialising again breaks the signature. */
  body: Uint8Array;
  /** How far the attempt may lie from now, either way. Default 300. */
  toleranceSeconds?: number;
  /** Milliseconds since the epoch. Default `Date.now()`. */
  nowMs?: number;
}

export interface VerifiedWebhook {
  /** The same on every retry of one message. */
  id: string;
  timestampSeconds: number;
}

const maxSignatures = 16;

/**
 * Verifies one delivery by the Standard Webhooks specification 1.0.0 (symmetric scheme `v1`, HMAC-SHA-256 over
 * `id.timestamp.body`).
 *
 * Errors: `invalid_signature` when no secret made any of its signatures, when it lies outside the tolerance, or when a header
 * is missing or malformed; `invalid_argument` for a secret that is none.
 */
export async function verifyWebhook(webhook: WebhookToVerify): Promise<VerifiedWebhook> {
  const id = readHeader(webhook.headers, "webhook-id");
  const timestamp = readHeader(webhook.headers, "webhook-timestamp");
  const signatures = readSignatures(readHeader(webhook.headers, "webhook-signature"));
  // No full stop in id or timestamp, or one signed message could be cut up in another way (specification, "Signature scheme").
  if (!/^[\x21-\x2d\x2f-\x7e]{1,256}$/.test(id)) throw invalid("webhook-id is malformed");
  if (!/^[0-9]{1,12}$/.test(timestamp)) throw invalid("webhook-timestamp is malformed");
  const ageSeconds = (webhook.nowMs ?? Date.now()) / 1000 - Number(timestamp);
  if (Math.abs(ageSeconds) > (webhook.toleranceSeconds ?? 300))
    throw invalid("webhook-timestamp is outside the tolerance");
  const content = concatenate(new TextEncoder().encode(`${id}.${timestamp}.`), webhook.body);
  for (const secret of webhook.secrets) {
    const key = await importSecret(secret);
    for (const signature of signatures) {
      // `subtle.verify` compares in constant time.
      if (await crypto.subtle.verify("HMAC", key, signature, content))
        return { id, timestampSeconds: Number(timestamp) };
    }
  }
  throw invalid("no signature matches");
}

function importSecret(secret: string) {
  return crypto.subtle.importKey("raw", readSecret(secret), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

/** The key bytes of a secret. Errors: `invalid_argument`. */
export function readSecret(secret: string): Uint8Array<ArrayBuffer> {
  const bytes = decodeBase64(secret.startsWith("whsec_") ? secret.slice(6) : secret);
  if (bytes && bytes.length >= 16) return bytes;
  throw new CallsealSdkError("invalid_argument", { detail: "a secret is whsec_ and the base64 of 24 to 64 bytes" });
}

function readHeader(headers: WebhookToVerify["headers"], name: string): string {
  const value = headers[name];
  if (typeof value !== "string" || value === "" || value.length > 4096) throw invalid(`${name} is missing`);
  return value;
}

/** The `v1` signatures of a space-delimited list; other versions are skipped, as the specification asks. */
function readSignatures(header: string): Uint8Array<ArrayBuffer>[] {
  const found: Uint8Array<ArrayBuffer>[] = [];
  for (const entry of header.split(" ").slice(0, maxSignatures)) {
    const bytes = entry.startsWith("v1,") ? decodeBase64(entry.slice(3)) : undefined;
    if (bytes?.length === 32) found.push(bytes);
  }
  return found;
}

/** Strict base64 (RFC 4648 §4), padded: one signature has one spelling. */
function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  const binary = atob(text);
  if (btoa(binary) !== text) return undefined;
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function concatenate(head: Uint8Array, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const content = new Uint8Array(head.length + body.length);
  content.set(head);
  content.set(body, head.length);
  return content;
}

function invalid(detail: string): CallsealSdkError {
  return new CallsealSdkError("invalid_signature", { detail });
}
