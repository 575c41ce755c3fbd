import { CallsealSdkError } from "../errors.ts";

/** The caller of this live call is verified: move the call. */
export interface ConfirmedCall {
  sessionId: string;
  callId: string;
  provider: string;
  status: "confirmed";
  metadata: Record<string, string>;
  /** A JWS that `createReceiptVerifier` checks; null when the gateway sent none. */
  receipt: string | null;
  /** When it was confirmed, as the gateway says. */
  timestamp: string | number;
}

/**
 * Reads a verified `verification.confirmed` webhook (PROTOCOL §5); undefined for another type.
 *
 * Errors: `invalid_request`.
 */
export function readConfirmed(body: Uint8Array): ConfirmedCall | undefined {
  const { type, timestamp, data } = readObject(parse(body), "the body");
  if (typeof type !== "string") throw invalid("the body has no type");
  if (type !== "verification.confirmed") return undefined;
  const { sessionId, callId, provider, status, metadata, receipt } = readObject(data, "data");
  if (typeof sessionId !== "string" || typeof callId !== "string" || typeof provider !== "string") {
    throw invalid("data names no call");
  }
  // The event says confirmed; were its session to say otherwise, the call must stay where it is.
  if (status !== "confirmed") throw invalid("the session is not confirmed");
  if (typeof timestamp !== "string" && typeof timestamp !== "number") throw invalid("the body has no timestamp");
  return {
    sessionId,
    callId,
    provider,
    status,
    metadata: readMetadata(metadata),
    receipt: typeof receipt === "string" ? receipt : null,
    timestamp,
  };
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw new CallsealSdkError("invalid_request", { detail: "the body is not JSON", cause });
  }
}

function readMetadata(value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  const entries = Object.entries(readObject(value, "metadata"));
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

function readObject(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(`${name} is not an object`);
  return value as Record<string, unknown>;
}

function invalid(detail: string): CallsealSdkError {
  return new CallsealSdkError("invalid_request", { detail });
}
