import { RateLimited } from "../limits/rate-limited.ts";
import type { Session } from "../verification/session.ts";
import { callKeys, deviceKeys, hashCall, type Keyspace, sessionKeys } from "./keys.ts";
import type { RunScript, ScriptArgument } from "./scripts.ts";
import {
  type ClaimOutcome,
  type CreateOutcome,
  type DecideOutcome,
  type PollOutcome,
  type Reply,
  type Result,
  readReply,
  readStandingReply,
} from "./session-replies.ts";
import {
  argumentsOf,
  type CallRef,
  type ClaimOfCode,
  fieldsOf,
  type NewSession,
  type ProofOfDecision,
} from "./session-requests.ts";

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

  /** Issues a nonce to a device. */
  async claim(claim: ClaimOfCode): Promise<Result<ClaimOutcome> & { nonce: string; refusal?: RateLimited }> {
    const { call } = callKeys(this.#keyspace, claim.callHash);
    const { kind, did, deviceId, subjectId, nonce, standing } = claim;
    const keys = [call, standing ? deviceKeys(this.#keyspace, deviceId).device : call];
    const args = [kind, did, deviceId, subjectId, nonce, standing?.mostWrongDids ?? 0];
    const reply = (await this.#run("claim_session", keys, args)) as Reply;
    return { ...readStandingReply<ClaimOutcome>(reply), nonce: reply[3] ?? "" };
  }

  async decide(proof: ProofOfDecision): Promise<Result<DecideOutcome> & { refusal?: RateLimited }> {
    const { session, outbox, due, channel, owed } = sessionKeys(this.#keyspace, proof.sessionId);
    const device = proof.standing ? deviceKeys(this.#keyspace, proof.deviceId).device : session;
    const keys = [session, outbox, due, channel, owed, device];
    return readStandingReply((await this.#run("confirm_session", keys, argumentsOf(proof))) as Reply);
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
    claim: { token: string; leaseMs: number; restored?: boolean | undefined },
  ): Promise<
    Result<"taken" | "settled" | "leased" | "not_found"> & { before: "first" | "after_unknown" | "after_retryable" }
  > {
    const { session, owed } = sessionKeys(this.#keyspace, sessionId);
    const reply = (await this.#run(
      "claim_intercept",
      [session, owed],
      [claim.token, claim.leaseMs, sessionId, claim.restored ? 1 : 0],
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
