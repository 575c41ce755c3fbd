import type { RedisClock } from "../core/redis/redis-clock.ts";

/** Monotonic clocks drift by milliseconds a minute and stand still while a machine sleeps. */
const refreshEveryMs = 5000;

/**
 * Asks Redis for the time again and again, so that tokens, proofs and enrolments are judged by its clock and not by this
 * machine's. While Redis is away the last answer counts on. Returns the way out.
 */
export function keepTime(clock: RedisClock): () => void {
  const timer = setInterval(() => void clock.refresh().catch(() => undefined), refreshEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
