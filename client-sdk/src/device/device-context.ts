import type { KeySource } from "../load-jwks.ts";
import type { DeviceLink } from "./device-link.ts";
import type { DeviceIdentity } from "./key-store.ts";

/** What the steps of one connection share. */
export interface DeviceContext {
  identity: DeviceIdentity;
  link: DeviceLink;
  /** The gateway's public keys. */
  gatewayKeys: KeySource;
  checkDigits: boolean;
  /** Milliseconds for one ack. */
  ackTimeoutMs: number;
  /** Milliseconds for a claim, over reconnects. */
  claimTimeoutMs: number;
  /** Milliseconds since the epoch. */
  clock: () => number;
  /** Uniform in [0, 1). */
  random: () => number;
}
