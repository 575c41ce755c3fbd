import { CallsealSdkError } from "../errors.ts";
import type { DeviceKey } from "./key-store.ts";
import type { ProofClaims } from "./protocol.ts";
import { signJws } from "./sign-jws.ts";

export interface ProofOptions {
  key: DeviceKey;
  deviceId: string;
  audience: string;
  answer: ProofClaims;
  /** What the gateway recognises a repeat by. */
  jti: string;
  /** Milliseconds since the epoch. */
  nowMs: number;
}

/** Seconds that a proof is good for: the most that PROTOCOL §4 allows. */
export const proofLifetimeSeconds = 60;
const maxBytes = 4096;

/** Signs the answer to one challenge with the device's key (PROTOCOL §4). */
export async function signProof({ key, deviceId, audience, answer, jti, nowMs }: ProofOptions): Promise<string> {
  const iat = Math.floor(nowMs / 1000);
  const claims = { iss: deviceId, aud: audience, iat, exp: iat + proofLifetimeSeconds, jti, ...answer };
  const proof = await signJws({ key, typ: "callseal-confirmation+jwt", kid: deviceId, claims });
  if (proof.length > maxBytes)
    throw new CallsealSdkError("invalid_argument", { detail: "the proof would exceed 4 KiB" });
  return proof;
}
