import { CallsealSdkError } from "../errors.ts";

/** `ES256` is P-256, which every secure element offers; `EdDSA` is Ed25519. */
export type KeyAlgorithm = "ES256" | "EdDSA";

/** Public half of a device key (RFC 7517), as it is enrolled. */
export type PublicJwk = { kty: "EC"; crv: "P-256"; x: string; y: string } | { kty: "OKP"; crv: "Ed25519"; x: string };

/** A key that signs and never leaves its store. */
export interface DeviceKey {
  readonly algorithm: KeyAlgorithm;
  readonly publicJwk: PublicJwk;
  /** The 64-byte JWS signature over `data` (RFC 7518 §3.4, RFC 8037 §3.1). A user-verifying key asks its person first. */
  sign(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
}

/** What enrolment taught the device about itself. */
export interface Enrolment {
  /** The gateway's id of this device (ZID). */
  deviceId: string;
  /** The gateway's id of its person (SUID). */
  subjectId: string;
  tenantId: string | null;
  /** Origin that the device connects to. */
  gatewayUrl: string;
  /** `aud` of everything that the device signs: the gateway's public origin. */
  audience: string;
  /** ISO 8601. */
  enrolledAt: string;
}

export interface DeviceIdentity {
  enrolment: Enrolment;
  deviceKey: DeviceKey;
  userVerifyingKey?: DeviceKey;
}

export interface KeyRequest {
  algorithm: KeyAlgorithm;
  /** A `user-verifying` key is one that the platform unlocks by biometric or PIN only. */
  purpose: "device" | "user-verifying";
}

/**
 * Where a device keeps its keys and its enrolment. Implement it over a platform's key store (Android Keystore, Secure
 * Enclave) and run the contract suite against it. Every method rejects with `key_store` when the store fails.
 */
export interface KeyStore {
  /** A fresh key, usable at once and kept only from `save` on: an enrolment that fails leaves the old identity intact. */
  generateKey(request: KeyRequest): Promise<DeviceKey>;
  /** Replaces the whole identity at once. Its keys must come from this store. */
  save(identity: DeviceIdentity): Promise<void>;
  load(): Promise<DeviceIdentity | undefined>;
  /** Forgets keys and enrolment; harmless when there are none. */
  clear(): Promise<void>;
}

/** Only the public members, in the order of RFC 7638, whatever else an exported key carries. */
export function toPublicJwk(jwk: Readonly<Record<string, unknown>>): PublicJwk {
  const { kty, crv, x, y } = jwk;
  if (kty === "EC" && crv === "P-256" && typeof x === "string" && typeof y === "string") return { kty, crv, x, y };
  if (kty === "OKP" && crv === "Ed25519" && typeof x === "string") return { kty, crv, x };
  throw new CallsealSdkError("key_store", { detail: "the key is neither P-256 nor Ed25519" });
}
