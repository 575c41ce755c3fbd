import { type CallsealErrorCode, CallsealSdkError, isGatewayCode } from "../errors.ts";
import type { Advice } from "./protocol.ts";
import type { Refusal } from "./reconnect-policy.ts";

export type Ack = { ok: true; body: Record<string, unknown> } | { ok: false; refusal: Refusal };

/** Reads the ack of a request (PROTOCOL §4). Errors: `invalid_response`. */
export function readAck(value: unknown): Ack {
  if (typeof value === "object" && value !== null) {
    const body = value as Record<string, unknown>;
    if (body["ok"] === true) return { ok: true, body };
    if (body["ok"] === false) return { ok: false, refusal: readRefusal(body) };
  }
  throw new CallsealSdkError("invalid_response", { detail: "the ack is not what the protocol describes" });
}

/** Reads `{ code, advice, retryAfterSeconds? }` of an ack or a refused handshake; what is unreadable counts as `unavailable`. */
export function readRefusal(value: unknown): Refusal {
  const { code, advice, retryAfterSeconds } = (value ?? {}) as Record<string, unknown>;
  const refusal: Refusal = { code: readCode(code), advice: readAdvice(advice) };
  if (typeof retryAfterSeconds === "number" && retryAfterSeconds >= 0) {
    refusal.retryAfterSeconds = Math.min(retryAfterSeconds, 3600);
  }
  return refusal;
}

export function refusalError(refusal: Refusal): CallsealSdkError {
  return new CallsealSdkError(refusal.code, {
    retryAfterSeconds: refusal.retryAfterSeconds,
    retryable: refusal.advice === "retry",
  });
}

function readCode(code: unknown): CallsealErrorCode {
  return isGatewayCode(code) ? code : "unavailable";
}

function readAdvice(advice: unknown): Advice {
  return advice === "reauthenticate" || advice === "stop" ? advice : "retry";
}
