import { backoffDelayMs } from "../backoff-delay.ts";
import type { CallsealErrorCode } from "../errors.ts";
import type { Advice } from "./protocol.ts";

/** Why there is no connection, and what the gateway (or the lack of it) advises. */
export interface Refusal {
  code: CallsealErrorCode;
  advice: Advice;
  retryAfterSeconds?: number;
}

export type ReconnectStep = { kind: "wait"; delayMs: number } | { kind: "stop" };

export interface ReconnectOptions {
  /** Upper bound of the first delay. Default 500. */
  baseMs?: number;
  /** Upper bound of every delay. Default 30000. */
  capMs?: number;
  /** Fresh tokens in a row that may be refused before the device gives up. Default 3. */
  maxReauthentications?: number;
  /** A connection that lasted this long counts as a success and clears the backoff. Default 5000. */
  stableMs?: number;
  /** Uniform in [0, 1). Default `Math.random`. */
  random?: () => number;
}

export interface ReconnectPolicy {
  /** What to do after a refused handshake or a lost connection that had lasted `upMs` (0 when there was none). */
  next(refusal: Refusal, upMs: number): ReconnectStep;
}

/**
 * Decides when a device comes back (PROTOCOL §4 `advice`): `retry` after full-jitter backoff and never sooner than
 * `retryAfterSeconds`, `reauthenticate` at once with a fresh token but only so often, `stop` never.
 */
export function createReconnectPolicy(options: ReconnectOptions = {}): ReconnectPolicy {
  const { baseMs = 500, capMs = 30_000, maxReauthentications = 3, stableMs = 5000, random = Math.random } = options;
  let failures = 0;
  let reauthentications = 0;
  return {
    next({ advice, retryAfterSeconds = 0 }, upMs) {
      // A gateway that accepts and drops at once would otherwise be met again and again without any pause.
      if (upMs >= stableMs) failures = 0;
      if (upMs > 0) reauthentications = 0;
      if (advice === "stop") return { kind: "stop" };
      if (advice === "reauthenticate") {
        reauthentications++;
        return reauthentications > maxReauthentications ? { kind: "stop" } : { kind: "wait", delayMs: 0 };
      }
      return {
        kind: "wait",
        delayMs: retryAfterSeconds * 1000 + backoffDelayMs(failures++, { baseMs, capMs, random }),
      };
    },
  };
}
