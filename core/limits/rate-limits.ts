import { hash } from "node:crypto";
import { RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { RedisClient } from "../redis/connections.ts";
import { type Keyspace, ratePrefix } from "../redis/keys.ts";
import { RateLimited } from "./rate-limited.ts";

export type LimitName = "offers" | "enrolments" | "handshakes" | "refusals";

const windowSeconds: Readonly<Record<LimitName, number>> = {
  offers: 600,
  enrolments: 3600,
  handshakes: 60,
  refusals: 60,
};

/** Fixed windows in Redis, shared by all gateways (rate-limiter-flexible). `most` comes from the tenant with each call. */
export class RateLimits {
  readonly #redis: RedisClient;
  readonly #keyspace: Keyspace;
  readonly #limiters = new Map<string, RateLimiterRedis>();

  constructor(redis: RedisClient, keyspace: Keyspace) {
    this.#redis = redis;
    this.#keyspace = keyspace;
  }

  /** Counts one and returns how many are left; throws `rate_limited` with the seconds to wait once more than `most` were counted in the window. */
  async consume(name: LimitName, key: string, most: number): Promise<{ left: number }> {
    try {
      return { left: (await this.#limiter(name, most).consume(hashKey(key))).remainingPoints };
    } catch (error) {
      throw asRateLimited(error, most);
    }
  }

  #limiter(name: LimitName, most: number): RateLimiterRedis {
    const id = `${name}:${most}`;
    let limiter = this.#limiters.get(id);
    if (!limiter) {
      limiter = new RateLimiterRedis({
        storeClient: this.#redis,
        keyPrefix: ratePrefix(this.#keyspace, name),
        points: most,
        duration: windowSeconds[name],
      });
      this.#limiters.set(id, limiter);
    }
    return limiter;
  }
}

/** Addresses are limited, and none of them is in a key name. */
function hashKey(key: string): string {
  return hash("sha256", key, "base64url");
}

function asRateLimited(error: unknown, most: number): unknown {
  if (!(error instanceof RateLimiterRes)) return error;
  return new RateLimited({ first: error.consumedPoints === most + 1, msLeft: error.msBeforeNext });
}
