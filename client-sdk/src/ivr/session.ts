/** The documents of the session API (PROTOCOL §2). Types only. */

export type ProviderName = "twilio" | "nice" | "genesys" | "five9" | "generic" | "agent";
export type SessionStatus = "pending" | "confirmed" | "denied" | "canceled" | "timeout";
export type InterceptStatus = "none" | "pending" | "succeeded" | "failed" | "skipped";

export interface CreateSessionRequest {
  provider: ProviderName;
  /** The provider's stable call id, 1 to 128 visible ASCII characters. */
  callId: string;
  /** Dialled number, E.164. */
  dnis?: string;
  /** Caller's number, E.164; leave it out for an anonymous caller. */
  ani?: string;
  /** BCP 47. */
  locale?: string;
  /** At most 16 values; keys up to 64 and values up to 256 characters. */
  metadata?: Record<string, string>;
  /** Only this person's device may confirm. */
  expectedSubject?: string;
  /** A new code when the call's latest session has timed out. */
  reissue?: boolean;
  /** The STIR/SHAKEN verdict of the platform, recorded as given. */
  stirVerstat?: string;
}

/** The answer to a creation. `did` and `prompts` are there while it is pending. */
export interface CreatedSession {
  /** True when this request made it; false when the call had it already. */
  created: boolean;
  sessionId: string;
  callId: string;
  provider: string;
  status: SessionStatus;
  generation: number;
  /** What is spoken on the call. */
  did?: string;
  ttlSeconds?: number;
  /** ISO 8601. */
  expiresAt: string;
  maxRetries?: number;
  prompts?: { speak: string; loop: string };
  /** Of this request, to quote to the gateway's operator. */
  correlationId?: string;
}

/** The status document. */
export interface SessionDocument {
  sessionId: string;
  callId: string;
  provider: string;
  status: SessionStatus;
  terminal: boolean;
  generation: number;
  createdAt: string;
  expiresAt: string;
  confirmedAt?: string;
  method?: "did" | "push";
  subjectId?: string;
  deviceId?: string;
  intercept: { status: InterceptStatus; attempts?: number };
  /** A JWS that `createReceiptVerifier` checks. */
  receipt?: string;
}

export interface LoopRequest {
  /** Counts from 1. */
  index: number;
  /** The key that the caller pressed; `0` cancels. */
  digit?: string;
}

export interface LoopAnswer {
  next: "prompt" | "success" | "failure" | "canceled";
  status: SessionStatus;
  remaining: number;
}

export interface CallEndedRequest {
  durationSeconds?: number;
  disposition?: string;
}
