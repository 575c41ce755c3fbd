import type { RedisClient } from "./connections.ts";

/**
 * The clock of Redis as this process knows it: the last `TIME` and what a monotonic clock has counted since. The clock of
 * this machine plays no part, so that one that is wrong by minutes changes nothing (PROTOCOL §1: one clock decides).
 */
export class RedisClock {
  readonly #redis: RedisClient;
  #offsetMs: number | undefined;

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  /** Whole milliseconds since 1970, never ahead of Redis; this machine's own clock until the first `refresh`. */
  now = (): number => (this.#offsetMs === undefined ? Date.now() : Math.floor(performance.now() + this.#offsetMs));

  /** Asks Redis for the time: one command. */
  async refresh(): Promise<number> {
    const [seconds, microseconds] = (await this.#redis.time()) as unknown as (string | number)[];
    this.#offsetMs = Number(seconds) * 1000 + Number(microseconds) / 1000 - performance.now();
    return this.now();
  }
}
