import type { RedisClient } from "./connections.ts";
import { caseKey, type Keyspace } from "./keys.ts";

/** How long `GET /verifications` shows a late verification, in seconds. */
export const verifiedCaseLifetimeSeconds = 600;

export interface VerifiedCase {
  caseId: string;
  sessionId: string;
  subjectId: string;
  verifiedAt: string;
  expiresAt: string;
}

/** Cases whose caller confirmed too late for the call, for tenants whose late policy is `recently-verified` (PROTOCOL §6). */
export class VerifiedCases {
  readonly #redis: RedisClient;
  readonly #keyspace: Keyspace;

  constructor(redis: RedisClient, keyspace: Keyspace) {
    this.#redis = redis;
    this.#keyspace = keyspace;
  }

  /** Records once a session: a repeated late confirmation changes nothing. */
  async record(
    tenant: string,
    late: { caseId: string; sessionId: string; subjectId: string; nowMs: number },
  ): Promise<void> {
    const verification: VerifiedCase = {
      caseId: late.caseId,
      sessionId: late.sessionId,
      subjectId: late.subjectId,
      verifiedAt: new Date(late.nowMs).toISOString(),
      expiresAt: new Date(late.nowMs + verifiedCaseLifetimeSeconds * 1000).toISOString(),
    };
    const key = caseKey(this.#keyspace, tenant, late.caseId);
    await this.#redis
      .multi()
      .hsetnx(key, late.sessionId, JSON.stringify(verification))
      .expire(key, verifiedCaseLifetimeSeconds)
      .exec();
  }

  async list(tenant: string, caseId: string, nowMs: number): Promise<VerifiedCase[]> {
    const recorded = await this.#redis.hvals(caseKey(this.#keyspace, tenant, caseId));
    return recorded
      .map((json) => JSON.parse(json) as VerifiedCase)
      .filter((verification) => Date.parse(verification.expiresAt) > nowMs);
  }
}
