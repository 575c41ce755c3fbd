import { RateLimited } from "../limits/rate-limited.ts";
import type { ProviderName } from "../verification/provider-name.ts";
import type { Session, VerificationMethod } from "../verification/session.ts";
import { callKeys, hashCall, type Keyspace, sessionKeys } from "./keys.ts";
import { parseRecord } from "./parse-record.ts";
import type { RunScript, ScriptArgument } from "./scripts.ts";

export interface Retention {
  /** How long a session's record outlives its expiry, in seconds. */
  sessionSeconds: number;
  /** How long a call's number of generations is remembered, in seconds. */
  callSeconds: number;
}

export interface SessionStoreOptions {
  run: RunScript;
  keyspace: Keyspace;
  /** The deployment secret that session ids are derived from. */
  secret: string;
  retention: Retention;
}

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
}

export type CreateOutcome = "created" | "existing" | "session_terminal" | "reissue_exhausted";
export type PollOutcome = "found" | "rate_limited" | "not_found";
export type ClaimOutcome = "claimed" | "wrong_did" | "expired" | "subject_mismatch" | "spent";
export type DecideOutcome =
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

type Reply = [outcome: string, record?: string, now?: string, extra?: string, more?: string];

/** A script's answer: what happened, and the session as it stands after it (absent when there is none). */
export interface Result<Outcome extends string> {
  outcome: Outcome;
  session?: Session;
  nowMs: number;
}

/** The sessions of a deployment: each method is one script, so each is atomic and decided by the clock of Redis. */
export class SessionStore {
  readonly #run: RunScript;
  readonly #keyspace: Keyspace;
  readonly #secret: string;
  readonly #retention: Retention;

  constructor(options: SessionStoreOptions) {
    this.#run = options.run;
    this.#keyspace = options.keyspace;
    this.#secret = options.secret;
    this.#retention = options.retention;
  }

  callHash(call: CallRef): string {
    return hashCall(this.#secret, call);
  }

  async create(session: NewSession): Promise<Result<CreateOutcome> & { session: Session }> {
    const callHash = this.callHash(session);
    const keys = callKeys(this.#keyspace, callHash);
    const ttlMs = Math.round(session.ttlSeconds * 1000);
    const args: ScriptArgument[] = [
      session.did,
      ttlMs,
      this.#retention.sessionSeconds * 1000,
      this.#retention.callSeconds * 1000,
      session.maxReissues,
      session.reissue ? 1 : 0,
      `csn_${callHash}`,
      session.correlationId,
      JSON.stringify(session.event),
      ...fieldsOf(session),
    ];
    const reply = await this.#run("create_session", [keys.call, keys.outbox, keys.due, keys.channel], args);
    const result = readReply<CreateOutcome>(reply);
    return { ...result, session: result.session! };
  }

  async read(sessionId: string, tenant: string | undefined): Promise<Session | undefined> {
    const { session } = sessionKeys(this.#keyspace, sessionId);
    return readReply(await this.#run("read_session", [session], [tenant ?? ""])).session;
  }

  /** Reads a tenant's session and counts the reading; past `most` in a minute the session comes with the refusal. */
  async poll(
    sessionId: string,
    poll: { tenant: string; most: number },
  ): Promise<Result<PollOutcome> & { refusal?: RateLimited }> {
    const keys = sessionKeys(this.#keyspace, sessionId);
    const reply = (await this.#run("poll_session", [keys.session, keys.polls], [poll.tenant, poll.most])) as Reply;
    const result = readReply<PollOutcome>(reply);
    if (result.outcome !== "rate_limited") return result;
    const [, , , counted, msLeft] = reply;
    const refusal = new RateLimited({ first: Number(counted) === poll.most + 1, msLeft: Number(msLeft) });
    return { ...result, refusal };
  }

  async readLatest(call: CallRef): Promise<Session | undefined> {
    const { call: key } = callKeys(this.#keyspace, this.callHash(call));
    return readReply(await this.#run("read_call", [key], [])).session;
  }

  /** Issues a nonce to a device; `did` is empty for a push offer. */
  async claim(claim: {
    callHash: string;
    kind: VerificationMethod;
    did: string;
    deviceId: string;
    subjectId: string;
    nonce: string;
  }): Promise<Result<ClaimOutcome> & { nonce: string }> {
    const { call } = callKeys(this.#keyspace, claim.callHash);
    const args = [claim.kind, claim.did, claim.deviceId, claim.subjectId, claim.nonce];
    const reply = (await this.#run("claim_session", [call], args)) as Reply;
    return { ...readReply<ClaimOutcome>(reply), nonce: reply[3] ?? "" };
  }

  async decide(proof: ProofOfDecision): Promise<Result<DecideOutcome>> {
    const keys = sessionKeys(this.#keyspace, proof.sessionId);
    const args: ScriptArgument[] = [
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
      ...Object.entries(proof.receipt).flat(),
    ];
    return readReply(
      await this.#run("confirm_session", [keys.session, keys.outbox, keys.due, keys.channel, keys.owed], args),
    );
  }

  async cancel(
    sessionId: string,
    tenant: string,
    correlationId: string,
  ): Promise<Result<"canceled" | "unchanged" | "not_found">> {
    return readReply(await this.#run("cancel_session", this.#transitionKeys(sessionId), [tenant, correlationId]));
  }

  async expire(sessionId: string): Promise<Result<"timeout" | "unchanged" | "not_due" | "not_found">> {
    return readReply(await this.#run("expire_session", this.#transitionKeys(sessionId), [sessionId]));
  }

  async advanceLoop(
    sessionId: string,
    turn: { tenant: string; index: number; digit: string; correlationId: string; event: object },
  ): Promise<Result<"found" | "not_found">> {
    const args = [turn.tenant, turn.index, turn.digit, turn.correlationId, JSON.stringify(turn.event)];
    return readReply(await this.#run("advance_loop", this.#transitionKeys(sessionId), args));
  }

  async endCall(
    sessionId: string,
    end: { tenant: string; correlationId: string; event: object },
  ): Promise<Result<"ended" | "unchanged" | "not_found">> {
    const { session, outbox } = sessionKeys(this.#keyspace, sessionId);
    return readReply(
      await this.#run("end_call", [session, outbox], [end.tenant, end.correlationId, JSON.stringify(end.event)]),
    );
  }

  async claimIntercept(
    sessionId: string,
    claim: { token: string; leaseMs: number },
  ): Promise<
    Result<"taken" | "settled" | "leased" | "not_found"> & { before: "first" | "after_unknown" | "after_retryable" }
  > {
    const { session, owed } = sessionKeys(this.#keyspace, sessionId);
    const reply = (await this.#run(
      "claim_intercept",
      [session, owed],
      [claim.token, claim.leaseMs, sessionId],
    )) as Reply;
    return {
      ...readReply<"taken" | "settled" | "leased" | "not_found">(reply),
      before: (reply[3] ?? "first") as "first" | "after_unknown" | "after_retryable",
    };
  }

  /** `token` is empty when the delivery was seen from outside: the success page was fetched. */
  async completeIntercept(
    sessionId: string,
    end: {
      token: string;
      result: "succeeded" | "failed" | "skipped" | "retryable" | "unknown";
      correlationId: string;
      event: object;
      /** Milliseconds until the next attempt, when the right is given back. Default 0. */
      againInMs?: number;
    },
  ): Promise<Result<"recorded" | "settled" | "not_held" | "not_found">> {
    const { session, outbox, owed } = sessionKeys(this.#keyspace, sessionId);
    const args = [end.token, end.result, end.correlationId, JSON.stringify(end.event), Math.round(end.againInMs ?? 0)];
    return readReply(await this.#run("complete_intercept", [session, outbox, owed], args));
  }

  /** Owes a move again that the provider took and that did not arrive, unless its delivery was seen. */
  async reopenIntercept(sessionId: string): Promise<Result<"reopened" | "settled" | "not_found">> {
    const { session, owed } = sessionKeys(this.#keyspace, sessionId);
    return readReply(await this.#run("reopen_intercept", [session, owed], [sessionId]));
  }

  #transitionKeys(sessionId: string): string[] {
    const keys = sessionKeys(this.#keyspace, sessionId);
    return [keys.session, keys.outbox, keys.due, keys.channel];
  }
}

function readReply<Outcome extends string>(reply: unknown): Result<Outcome> {
  const [outcome, record, now] = reply as Reply;
  const nowMs = Number(now ?? 0);
  return {
    outcome: outcome as Outcome,
    nowMs,
    ...(record === undefined ? {} : { session: parseRecord(record, nowMs) }),
  };
}

function fieldsOf(session: NewSession): string[] {
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
