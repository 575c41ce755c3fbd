import { RateLimited } from "../limits/rate-limited.ts";
import { drawDid, mostDidDigits, mostLiveCodes } from "../verification/dynamic-identifier.ts";
import { CallsealError } from "../verification/errors.ts";
import type { RedisClient } from "./connections.ts";
import { creationKeys, didKeys, type Keyspace } from "./keys.ts";
import type { RunScript, ScriptArgument } from "./scripts.ts";

/** How long after its session a code still reads as expired and not as unknown. */
const graceMs = 30_000;
const candidatesPerLength = 2;
const rounds = 3;

export interface DidPolicy {
  didDigits: number;
  didCheckDigit: boolean;
}

/** Who creates a session, and how many they may in a minute (PROTOCOL §6). A withheld number is not counted. */
export interface Creation {
  keyId: string;
  mostByKey: number;
  ani: string | undefined;
  mostByAni: number;
}

export interface Reservation {
  policy: DidPolicy;
  ttlMs: number;
  /** Absent: not counted. */
  creation?: Creation;
}

/**
 * The live codes of each tenant, and how many sessions are created: a look-up only, since a code's single use is enforced
 * on its session's own record.
 */
export class DidIndex {
  readonly #redis: RedisClient;
  readonly #run: RunScript;
  readonly #keyspace: Keyspace;

  constructor(redis: RedisClient, run: RunScript, keyspace: Keyspace) {
    this.#redis = redis;
    this.#run = run;
    this.#keyspace = keyspace;
  }

  /**
   * Counts the creation, and reserves a fresh code for its call; longer than the policy asks as soon as that space is too
   * crowded. Throws `rate_limited` (as `RateLimited`) and `unavailable`.
   */
  async reserve(tenant: string, callHash: string, { policy, ttlMs, creation }: Reservation): Promise<string> {
    const keys = this.#keysOf(tenant, creation);
    let most = [creation?.mostByKey ?? 0, creation?.ani === undefined ? 0 : creation.mostByAni];
    for (let round = 0; round < rounds; round += 1) {
      const args: ScriptArgument[] = [callHash, ttlMs, graceMs, ...most, ...drawCandidates(policy)];
      const [outcome, first, msLeft] = (await this.#run("reserve_did", keys, args)) as string[];
      if (outcome === "reserved") return first!;
      if (outcome === "rate_limited") throw new RateLimited({ first: first === "1", msLeft: Number(msLeft) });
      most = [0, 0];
    }
    throw new CallsealError("unavailable", { detail: "No code is free. Try again in a moment.", retryAfterSeconds: 1 });
  }

  /** Gives back what a creation took that opened no session: its counts, and the code if it had one. */
  async release(tenant: string, callHash: string, taken: { code?: string; creation?: Creation }): Promise<void> {
    await this.#run("release_did", this.#keysOf(tenant, taken.creation), [callHash, taken.code ?? ""]);
  }

  /** The call that a code was spoken on, or undefined. */
  async find(tenant: string, code: string): Promise<string | undefined> {
    return (await this.#redis.get(`${didKeys(this.#keyspace, tenant).codes}:${code}`)) ?? undefined;
  }

  #keysOf(tenant: string, creation: Creation | undefined): string[] {
    const { codes, live } = didKeys(this.#keyspace, tenant);
    const by = { keyId: creation?.keyId ?? "", ani: creation?.ani ?? "" };
    const { byKey, byAni } = creationKeys(this.#keyspace, tenant, by);
    return [codes, live, byKey, byAni];
  }
}

function drawCandidates(policy: DidPolicy): ScriptArgument[] {
  const args: ScriptArgument[] = [];
  for (let digits = policy.didDigits; digits <= mostDidDigits; digits += 1) {
    const limit = mostLiveCodes(digits, policy.didCheckDigit);
    for (let candidate = 0; candidate < candidatesPerLength; candidate += 1) {
      args.push(drawDid({ digits, checkDigit: policy.didCheckDigit }), limit);
    }
  }
  return args;
}
