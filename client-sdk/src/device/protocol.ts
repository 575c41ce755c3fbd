/**
 * What crosses the device socket (PROTOCOL §4). Types only.
 */

/** The voice platform of a call. `agent` is a person at the agent console. */
export type ProviderName = "twilio" | "nice" | "genesys" | "five9" | "generic" | "agent";

/** How a pushed offer is answered: two digits, the whole spoken code, or a tap. */
export type PushKind = "match" | "code" | "tap";

/** What to do after a refusal. */
export type Advice = "retry" | "reauthenticate" | "stop";

/** What the phone knows of its own call. `incoming` marks a person who is being called. */
export type CallState = "outgoing" | "incoming" | "none" | "unknown";

export type DenyReason = "not_me" | "mistake";

/** What the gateway says about one call, so that a person can see that it is theirs. */
export interface ChallengeContent {
  sessionId: string;
  callId: string;
  provider: string;
  generation: number;
  /** Single use; bound to this device. */
  nonce: string;
  /** ISO 8601. */
  expiresAt: string;
  /** Name of the organisation that is on the line. */
  organisation: string;
  /** The number that was dialled, or null. */
  dnis: string | null;
  /** The caller's number with most digits hidden, or null for an anonymous caller. */
  aniMasked: string | null;
  /** Whether the call comes from a number of this device's owner; null when the gateway cannot say. */
  aniMatchesDevice: boolean | null;
}

/** A challenge whose gateway signature was verified: every member comes from the signed content. */
export interface Challenge extends ChallengeContent {
  /** The gateway's signature over this content, `typ: callseal-challenge+jwt`. */
  jws: string;
  /** Set when the gateway offered the call by push; absent when the person typed the code to claim it. */
  push?: PushKind;
}

/** Claims of a proof that belong to the answer; the rest is added when it is signed. */
export interface ProofClaims {
  sid: string;
  cid: string;
  prv: string;
  gen: number;
  nonce: string;
  dec: "confirm" | "deny";
  did?: string;
  mth?: "push";
  match?: string;
  uv?: true;
  call?: CallState;
  reason?: DenyReason;
}

export interface Confirmation {
  sessionId: string;
  status: string;
  /** ISO 8601. */
  confirmedAt: string;
}

export interface Denial {
  sessionId: string;
  status: string;
}

/** The offer or claim is over; take it off the screen. */
export interface Withdrawal {
  sessionId: string;
  reason: string;
}
