/** Why the sandbox refused what it was asked to do; stable, also the `code` of the control API's JSON errors. */
export type SandboxErrorCode =
  | "invalid_request"
  | "not_found"
  | "call_ended"
  | "unsupported_media_type"
  | "payload_too_large"
  | "closed"
  | "wait_timeout"
  | "internal";

/** The one error class of the sandbox. `message` is written for the developer who reads it. */
export class SandboxError extends Error {
  readonly code: SandboxErrorCode;

  constructor(code: SandboxErrorCode, message: string) {
    super(message);
    this.name = "SandboxError";
    this.code = code;
  }
}
