import type { DeviceKey } from "./key-store.ts";
import { signJws } from "./sign-jws.ts";

export interface TokenOptions {
  key: DeviceKey;
  deviceId: string;
  audience: string;
  /** Milliseconds since the epoch. */
  nowMs: number;
}

/** The single-use token of one handshake (PROTOCOL §4), good for 60 seconds. */
export function signToken({ key, deviceId, audience, nowMs }: TokenOptions): Promise<string> {
  const iat = Math.floor(nowMs / 1000);
  const claims = { iss: deviceId, aud: audience, iat, exp: iat + 60, jti: crypto.randomUUID() };
  return signJws({ key, typ: "callseal-device+jwt", kid: deviceId, claims });
}
