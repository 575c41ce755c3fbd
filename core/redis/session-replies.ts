import { RateLimited } from "../limits/rate-limited.ts";
import type { Session } from "../verification/session.ts";
import { parseRecord } from "./parse-record.ts";

export type CreateOutcome = "created" | "existing" | "session_terminal" | "reissue_exhausted";
export type PollOutcome = "found" | "rate_limited" | "not_found";
/** Why a device may not act, whatever it asks. */
export type StandingOutcome = "rate_limited" | "device_revoked" | "device_disabled";
export type ClaimOutcome = StandingOutcome | "claimed" | "wrong_did" | "expired" | "subject_mismatch" | "spent";
export type DecideOutcome =
  | StandingOutcome
  | "confirmed"
  | "denied"
  | "repeated"
  | "not_found"
  | "call_mismatch"
  | "invalid_proof"
  | "subject_mismatch"
  | "wrong_did"
  | "session_terminal"
  | "late_confirmation";

export type Reply = [outcome: string, record?: string, now?: string, extra?: string, more?: string];

/** A script's answer: what happened, and the session as it stands after it (absent when there is none). */
export interface Result<Outcome extends string> {
  outcome: Outcome;
  session?: Session;
  /** The session's record as it stands in the reply. */
  record?: string;
  nowMs: number;
}

export function readReply<Outcome extends string>(reply: unknown): Result<Outcome> {
  const [outcome, record, now] = reply as Reply;
  const nowMs = Number(now ?? 0);
  return {
    outcome: outcome as Outcome,
    nowMs,
    ...(record ? { record, session: parseRecord(record, nowMs) } : {}),
  };
}

/** The same of a script that looked at a device: with the refusal when its limit was reached. */
export function readStandingReply<Outcome extends string>(reply: Reply): Result<Outcome> & { refusal?: RateLimited } {
  const result = readReply<Outcome>(reply);
  if (result.outcome !== "rate_limited") return result;
  return { ...result, refusal: new RateLimited({ first: false, msLeft: Number(reply[3]) }) };
}
