import type { DeviceLink } from "./device-link.ts";
import type { DeviceIdentity } from "./key-store.ts";
import type { ChallengeReader } from "./verify-challenge.ts";

/** What the steps of one connection share. */
export interface DeviceContext {
  identity: DeviceIdentity;
  link: DeviceLink;
  /** Who reads a challenge, and whose it must be. */
  reader: ChallengeReader;
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
