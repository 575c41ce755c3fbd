import { base64url } from "jose";
import { CallsealSdkError } from "../errors.ts";
import type { DeviceKey } from "./key-store.ts";

export interface JwsParts {
  key: DeviceKey;
  typ: string;
  /** The ZID, once there is one. */
  kid?: string;
  claims: Readonly<Record<string, unknown>>;
}

/** A compact JWS (RFC 7515 §3.1) by a key that only signs bytes, so that a secure element can hold it. */
export async function signJws({ key, typ, kid, claims }: JwsParts): Promise<string> {
  const header = kid === undefined ? { alg: key.algorithm, typ } : { alg: key.algorithm, typ, kid };
  const input = `${base64url.encode(JSON.stringify(header))}.${base64url.encode(JSON.stringify(claims))}`;
  const signature = await key.sign(new TextEncoder().encode(input));
  if (signature.length !== 64)
    throw new CallsealSdkError("key_store", { detail: "a signature is 64 bytes, r and s side by side" });
  return `${input}.${base64url.encode(signature)}`;
}
