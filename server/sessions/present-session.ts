import type { IssueReceipt } from "../../core/keys/issue-receipt.ts";
import { resolveLocale } from "../../core/language/resolve-locale.ts";
import { spokenPrompts } from "../../core/language/spoken-prompts.ts";
import { isTerminal, type Session } from "../../core/verification/session.ts";

export const instant = (ms: number): string => new Date(ms).toISOString();

/** The answer to POST /sessions: with the DID and what to say while the session is pending, without both after it. */
export function presentCreated(session: Session) {
  return {
    sessionId: session.sessionId,
    callId: session.callId,
    provider: session.provider,
    status: session.status,
    generation: session.generation,
    ...(session.status === "pending" ? { did: session.did } : {}),
    ttlSeconds: session.ttlSeconds,
    expiresAt: instant(session.expiresAtMs),
    maxRetries: session.maxRetries,
    ...(session.status === "pending" ? { prompts: promptsOf(session) } : {}),
  };
}

export function promptsOf(session: Session) {
  const { speak, loop } = spokenPrompts(resolveLocale(session.locale, session.locale), session.did);
  return { speak, loop };
}

/** The status document of PROTOCOL §2. The DID is never in it. */
export async function presentStatus(session: Session, issueReceipt: IssueReceipt) {
  return {
    sessionId: session.sessionId,
    callId: session.callId,
    provider: session.provider,
    status: session.status,
    terminal: isTerminal(session.status),
    generation: session.generation,
    createdAt: instant(session.createdAtMs),
    expiresAt: instant(session.expiresAtMs),
    ...(session.callEndedAtMs === undefined ? {} : { callEndedAt: instant(session.callEndedAtMs) }),
    ...(session.status === "confirmed" ? { confirmedAt: instant(session.confirmedAtMs) } : {}),
    ...(session.status === "confirmed" || session.status === "denied"
      ? { method: session.method, subjectId: session.subjectId, deviceId: session.deviceId }
      : {}),
    intercept: { status: session.intercept.status, attempts: session.intercept.attempts },
    ...(session.status === "confirmed" ? { receipt: await issueReceipt(session) } : {}),
  };
}

export type StatusDocument = Awaited<ReturnType<typeof presentStatus>>;
