import { CallsealError, type ErrorCode } from "../../core/verification/errors.ts";
import { toCallsealError } from "../http/problem.ts";

export type Advice = "retry" | "reauthenticate" | "stop";

/**
 * Socket presentation of errors: the code, and what the app does about it (PROTOCOL §4). `retry` means that the very
 * same request may succeed later; a wrong or expired code never does, and repeating it would use up the device's guesses.
 */
const advices: Readonly<Partial<Record<ErrorCode, Advice>>> = {
  rate_limited: "retry",
  unavailable: "retry",
  internal: "retry",
  unauthenticated: "reauthenticate",
};

export function refusal(thrown: unknown): { ok: false; code: ErrorCode; advice: Advice; retryAfterSeconds?: number } {
  const error = toCallsealError(thrown);
  return {
    ok: false,
    code: error.code,
    advice: adviceFor(error.code),
    ...(error.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds }),
  };
}

export function adviceFor(code: ErrorCode): Advice {
  return advices[code] ?? "stop";
}

/** The error of a refused handshake, as Socket.IO hands it to the client: `connect_error` with `data`. */
export function handshakeError(thrown: unknown): Error {
  const error = thrown instanceof CallsealError ? thrown : toCallsealError(thrown);
  const { ok: _ok, ...data } = refusal(error);
  return Object.assign(new Error(error.code), { data });
}
