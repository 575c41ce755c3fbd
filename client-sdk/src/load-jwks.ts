import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from "jose";
import { CallsealSdkError } from "./errors.ts";
import type { Fetch } from "./exchange-json.ts";

/** Finds the public key of a JWS by its header. */
export type KeySource = JWTVerifyGetKey;

export interface JwksOptions {
  fetch?: Fetch | undefined;
  /** Milliseconds for one download. */
  timeoutMs?: number | undefined;
}

/**
 * The published keys of a gateway: downloaded when first needed, kept for 10 minutes, and downloaded again for a key id
 * that is not among them, at most every 5 seconds (a rotated key is found without a restart).
 */
export function loadJwks(url: string | URL, options: JwksOptions = {}): KeySource {
  const send = options.fetch ?? fetch;
  return createRemoteJWKSet(new URL(url), {
    timeoutDuration: options.timeoutMs ?? 5000,
    cooldownDuration: 5000,
    [customFetch]: (target, { signal }) =>
      send(target, { method: "GET", headers: { accept: "application/json" }, redirect: "error", signal }),
  });
}

/**
 * Tells a signature that does not hold from keys that could not be downloaded: only the second is worth a retry.
 */
export function explainVerification(error: unknown, code: "invalid_challenge" | "invalid_receipt"): CallsealSdkError {
  if (error instanceof CallsealSdkError) return error;
  const isVerdict =
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    // jose reports a download that is not 200 with JSON by its generic class alone.
    error.code !== "ERR_JOSE_GENERIC" &&
    error.code !== "ERR_JWKS_INVALID";
  if (isVerdict) return new CallsealSdkError(code, { detail: error.code, cause: error });
  return new CallsealSdkError("network", { detail: "the gateway's public keys could not be read", cause: error });
}
