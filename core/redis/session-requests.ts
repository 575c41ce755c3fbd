import type { ProviderName } from "../verification/provider-name.ts";
import type { VerificationMethod } from "../verification/session.ts";
import type { ScriptArgument } from "./scripts.ts";

export interface CallRef {
  tenant: string;
  provider: ProviderName;
  callId: string;
}

export interface NewSession extends CallRef {
  did: string;
  ttlSeconds: number;
  maxRetries: number;
  maxReissues: number;
  reissue: boolean;
  locale: string;
  metadata: Record<string, string>;
  dnis?: string | undefined;
  ani?: string | undefined;
  stirVerstat?: string | undefined;
  expectedSubject?: string | undefined;
  /** Whether a confirmation owes an intercept. */
  mode: "direct" | "webhook" | "none";
  /** The gateway's own origin. */
  origin: string;
  correlationId: string;
  event: object;
}

/** How a script looks at the device before anything else; absent where the caller has asked how it stands (`standingApart`). */
export interface StandingCheck {
  /** Wrong DIDs in their window at which the device is refused; 0 limits nothing. */
  mostWrongDids: number;
}

export interface ProofOfDecision {
  tenant: string;
  sessionId: string;
  deviceId: string;
  subjectId: string;
  decision: "confirm" | "deny";
  jti: string;
  callId: string;
  provider: string;
  generation: number;
  nonce: string;
  method: VerificationMethod;
  push: string;
  code: string;
  correlationId: string;
  event: object;
  /** What the receipt will say: amr (space-separated), acr, prf. */
  receipt: { amr: string; acr: string; prf: string };
  standing?: StandingCheck | undefined;
  /** Grants the first attempt to move the call to the job that the caller adds: its token, and milliseconds. */
  grant?: { token: string; leaseMs: number } | undefined;
}

export interface ClaimOfCode {
  callHash: string;
  kind: VerificationMethod;
  /** Empty for a push offer. */
  did: string;
  deviceId: string;
  subjectId: string;
  nonce: string;
  standing?: StandingCheck | undefined;
}

/** What create_session.lua writes of a new session as it was given, field by field. */
export function fieldsOf(session: NewSession): string[] {
  const fields: Record<string, string | undefined> = {
    tenant: session.tenant,
    provider: session.provider,
    callId: session.callId,
    ttlSeconds: String(session.ttlSeconds),
    maxRetries: String(session.maxRetries),
    locale: session.locale,
    mode: session.mode,
    origin: session.origin,
    dnis: session.dnis,
    ani: session.ani,
    stirVerstat: session.stirVerstat,
    expectedSubject: session.expectedSubject,
    metadata: Object.keys(session.metadata).length > 0 ? JSON.stringify(session.metadata) : undefined,
  };
  return Object.entries(fields).flatMap(([field, value]) => (value === undefined ? [] : [field, value]));
}

/** The arguments of confirm_session.lua, in its order. */
export function argumentsOf(proof: ProofOfDecision): ScriptArgument[] {
  return [
    proof.tenant,
    proof.deviceId,
    proof.subjectId,
    proof.decision,
    proof.jti,
    proof.callId,
    proof.provider,
    proof.generation,
    proof.nonce,
    proof.method,
    proof.push,
    proof.code,
    proof.correlationId,
    JSON.stringify(proof.event),
    proof.standing?.mostWrongDids ?? 0,
    proof.grant?.token ?? "",
    proof.grant?.leaseMs ?? 0,
    ...Object.entries(proof.receipt).flat(),
  ];
}
