import { drawDid, mostDidDigits, mostLiveCodes } from "../verification/dynamic-identifier.ts";
import { CallsealError } from "../verification/errors.ts";
import type { RedisClient } from "./connections.ts";
import { didKeys, type Keyspace } from "./keys.ts";
import type { RunScript, ScriptArgument } from "./scripts.ts";

/** How long after its session a code still reads as expired and not as unknown. */
const graceMs = 30_000;
const candidatesPerLength = 2;
const rounds = 3;

export interface DidPolicy {
  didDigits: number;
  didCheckDigit: boolean;
}

/** The live codes of each tenant: a look-up only, since a code's single use is enforced on its session's own record. */
export class DidIndex {
  readonly #redis: RedisClient;
  readonly #run: RunScript;
  readonly #keyspace: Keyspace;

  constructor(redis: RedisClient, run: RunScript, keyspace: Keyspace) {
    this.#redis = redis;
    this.#run = run;
    this.#keyspace = keyspace;
  }

  /** Reserves a fresh code for a call; longer than the policy asks as soon as that space is too crowded. */
  async reserve(tenant: string, callHash: string, options: { policy: DidPolicy; ttlMs: number }): Promise<string> {
    const { codes, live } = didKeys(this.#keyspace, tenant);
    for (let round = 0; round < rounds; round += 1) {
      const args: ScriptArgument[] = [callHash, options.ttlMs, graceMs, ...drawCandidates(options.policy)];
      const code = (await this.#run("reserve_did", [codes, live], args)) as string;
      if (code !== "") return code;
    }
    throw new CallsealError("unavailable", { detail: "No code is free. Try again in a moment.", retryAfterSeconds: 1 });
  }

  /** Gives back a code that no session came to use. */
  async release(tenant: string, callHash: string, code: string): Promise<void> {
    const { codes, live } = didKeys(this.#keyspace, tenant);
    await this.#run("release_did", [codes, live], [callHash, code]);
  }

  /** The call that a code was spoken on, or undefined. */
  async find(tenant: string, code: string): Promise<string | undefined> {
    return (await this.#redis.get(`${didKeys(this.#keyspace, tenant).codes}:${code}`)) ?? undefined;
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
