import type { ProviderName } from "./provider-name.ts";

/** The states of PROTOCOL §1 as data. Everything but `pending` is terminal, and terminal states never change. */
export const transitions = {
  pending: { confirm: "confirmed", deny: "denied", cancel: "canceled", ttl: "timeout" },
  confirmed: {},
  denied: {},
  canceled: {},
  timeout: {},
} as const;

export type SessionStatus = keyof typeof transitions;
export type TerminalStatus = Exclude<SessionStatus, "pending">;
export type VerificationMethod = "did" | "push";
export type InterceptStatus = "none" | "pending" | "succeeded" | "failed" | "skipped";

export function isTerminal(status: SessionStatus): status is TerminalStatus {
  return Object.keys(transitions[status]).length === 0;
}

interface SessionBase {
  sessionId: string;
  tenant: string;
  provider: ProviderName;
  callId: string;
  generation: number;
  /** How often the call's code had been issued anew when this generation began. */
  reissues: number;
  did: string;
  ttlSeconds: number;
  maxRetries: number;
  locale: string;
  metadata: Record<string, string>;
  dnis?: string;
  ani?: string;
  stirVerstat?: string;
  expectedSubject?: string;
  /** The gateway origin that the session was created at, for the intercept's own URLs. */
  origin: string;
  correlationId: string;
  /** Milliseconds since 1970 by the clock of Redis, like every time here. */
  createdAtMs: number;
  expiresAtMs: number;
  /** When this state was read, by the same clock. */
  readAtMs: number;
  callEndedAtMs?: number;
  intercept: {
    status: InterceptStatus;
    /** Attempts that somebody has begun. */
    attempts: number;
    deliveredAtMs?: number;
    /** Token of the first attempt, while it is granted to the confirmation's own job. */
    grant?: string;
  };
}

/** The person and the device that decided a session, and by which proof. */
export interface Decision {
  subjectId: string;
  deviceId: string;
  method: VerificationMethod;
}

export interface PendingSession extends SessionBase {
  status: "pending";
}
export interface ConfirmedSession extends SessionBase, Decision {
  status: "confirmed";
  confirmedAtMs: number;
  /** What the receipt says of the proof: RFC 8176 methods, the assurance ladder, and the hash of what was signed. */
  proof: { amr: string[]; acr: string; prf: string };
}
export interface DeniedSession extends SessionBase, Decision {
  status: "denied";
  terminalAtMs: number;
}
export interface CanceledSession extends SessionBase {
  status: "canceled";
  terminalAtMs: number;
}
export interface TimedOutSession extends SessionBase {
  status: "timeout";
}
export type Session = PendingSession | ConfirmedSession | DeniedSession | CanceledSession | TimedOutSession;
