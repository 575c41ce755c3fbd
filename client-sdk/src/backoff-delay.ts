export interface Backoff {
  /** Upper bound of the first delay, in milliseconds. */
  baseMs: number;
  /** Upper bound of every delay, in milliseconds. */
  capMs: number;
  /** Uniform in [0, 1). */
  random: () => number;
}

/**
 * Full jitter: a delay drawn from [0, min(cap, base × 2^attempt)), so that clients which lost the same gateway at
 * the same moment do not come back together. `attempt` counts from 0.
 */
export function backoffDelayMs(attempt: number, { baseMs, capMs, random }: Backoff): number {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
  return Math.floor(random() * ceiling);
}
