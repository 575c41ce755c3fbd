/** Refusals that the gateway names itself (PROTOCOL §4 and §8). */
export const gatewayCodes = [
  "invalid_request",
  "unauthenticated",
  "forbidden",
  "not_found",
  "session_terminal",
  "reissue_exhausted",
  "payload_too_large",
  "unsupported_media_type",
  "rate_limited",
  "internal",
  "unavailable",
  "invalid_activation_code",
  "invalid_proof",
  "device_revoked",
  "device_disabled",
  "wrong_did",
  "call_mismatch",
  "subject_mismatch",
  "expired",
  "incoming_call",
  "late_confirmation",
] as const;

/**
 * Faults that the SDK finds on its own side.
 *
 * - `network`: the gateway was not reached, or the connection broke before an answer.
 * - `timeout`: no answer before the deadline; whether the request took effect is unknown.
 * - `aborted`: the caller's AbortSignal fired. `closed`: the connection was closed by the app.
 * - `not_enrolled`: the key store holds no device.
 * - `bad_check_digit`: the code was mistyped; nothing was sent.
 * - `invalid_argument`: the call to the SDK is wrong; nothing was sent.
 * - `invalid_challenge`: the gateway's signature over the challenge does not hold, so it must not be shown.
 * - `invalid_response`: the answer is not what PROTOCOL describes.
 * - `invalid_signature`: a webhook is not signed by a known secret, or too old or too new.
 * - `invalid_receipt`: a receipt is not genuine, not for this call, or too weak.
 * - `key_store`: the key store cannot be read, written or trusted.
 */
export const localCodes = [
  "network",
  "timeout",
  "aborted",
  "closed",
  "not_enrolled",
  "bad_check_digit",
  "invalid_argument",
  "invalid_challenge",
  "invalid_response",
  "invalid_signature",
  "invalid_receipt",
  "key_store",
] as const;

export type GatewayCode = (typeof gatewayCodes)[number];
export type LocalCode = (typeof localCodes)[number];
/** Every way a call of this SDK can fail. */
export type CallsealErrorCode = GatewayCode | LocalCode;

const retryableCodes: ReadonlySet<CallsealErrorCode> = new Set([
  "network",
  "timeout",
  "rate_limited",
  "unavailable",
  "internal",
]);

export interface CallsealSdkErrorOptions {
  /** What went wrong, for a developer; never a code that was typed, a key, a token or a proof. */
  detail?: string | undefined;
  /** HTTP status, where there was one. */
  status?: number | undefined;
  /** Seconds after which the same request may succeed. */
  retryAfterSeconds?: number | undefined;
  /** The gateway's correlation id of the request, to quote to its operator. */
  correlationId?: string | undefined;
  /** Faults of the request body, by RFC 6901 pointer. */
  errors?: readonly { pointer: string; message: string }[] | undefined;
  /** Overrides what the code alone says. */
  retryable?: boolean | undefined;
  cause?: unknown;
}

/**
 * The one error class of the SDK: branch on `code`, show `message` to developers only.
 *
 * @example
 * try { await device.claim(typed); } catch (error) {
 *   if (error instanceof CallsealSdkError && error.code === "wrong_did") showMistyped();
 * }
 */
export class CallsealSdkError extends Error {
  readonly code: CallsealErrorCode;
  readonly detail: string | undefined;
  readonly status: number | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly correlationId: string | undefined;
  readonly errors: readonly { pointer: string; message: string }[];
  /** True when the same request may succeed later without being changed. */
  readonly retryable: boolean;

  constructor(code: CallsealErrorCode, options: CallsealSdkErrorOptions = {}) {
    super(
      options.detail ? `${code}: ${options.detail}` : code,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = "CallsealSdkError";
    this.code = code;
    this.detail = options.detail;
    this.status = options.status;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.correlationId = options.correlationId;
    this.errors = options.errors ?? [];
    this.retryable = options.retryable ?? retryableCodes.has(code);
  }
}

export function isGatewayCode(value: unknown): value is GatewayCode {
  return (gatewayCodes as readonly unknown[]).includes(value);
}
