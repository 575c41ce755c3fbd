/**
 * Every way a request can be refused, as one closed union. The HTTP problem document and the socket ack are two
 * presentations of the same error (PROTOCOL §4, §8).
 */
export type ErrorCode =
  | "invalid_request"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "session_terminal"
  | "reissue_exhausted"
  | "payload_too_large"
  | "unsupported_media_type"
  | "rate_limited"
  | "internal"
  | "unavailable"
  | "invalid_activation_code"
  | "invalid_proof"
  | "device_revoked"
  | "device_disabled"
  | "wrong_did"
  | "call_mismatch"
  | "subject_mismatch"
  | "expired"
  | "incoming_call"
  | "late_confirmation";

/** One fault of a request body, query or header: an RFC 6901 pointer and what is wrong there. */
export interface FieldFault {
  pointer: string;
  message: string;
}

export interface CallsealErrorOptions {
  detail?: string;
  /** Seconds after which the same request may succeed. */
  retryAfterSeconds?: number;
  errors?: FieldFault[];
  cause?: unknown;
}

/** The one error class of Callseal. `detail` is written for the caller and never carries a secret. */
export class CallsealError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly errors: FieldFault[] | undefined;

  constructor(code: ErrorCode, options: CallsealErrorOptions = {}) {
    super(options.detail ?? code, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "CallsealError";
    this.code = code;
    this.detail = options.detail;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.errors = options.errors;
  }

  /** True when the same request may succeed later without being changed. */
  get retryable(): boolean {
    return this.code === "rate_limited" || this.code === "unavailable" || this.code === "internal";
  }
}
