import { type Backoff, backoffDelayMs } from "./backoff-delay.ts";
import { CallsealSdkError } from "./errors.ts";
import { waitDelay } from "./wait-delay.ts";

export interface RetryOptions extends Backoff {
  /** No attempt starts at or after this moment, in milliseconds of `clock`; the first one always does. */
  deadlineMs: number;
  /** At most this many attempts. */
  maxAttempts?: number;
  /** Milliseconds since the epoch. */
  clock: () => number;
  signal?: AbortSignal | undefined;
}

/**
 * Repeats an idempotent attempt while it fails with a retryable error: full-jitter backoff, never sooner than the
 * `retryAfterSeconds` that the gateway asked for, and gives up with the last error when the wait would end past the deadline.
 */
export async function retryUntil<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof CallsealSdkError) || !error.retryable) throw error;
      if (failures + 1 >= (options.maxAttempts ?? Number.POSITIVE_INFINITY)) throw error;
      // Added, not maximised: everyone who was told the same number of seconds would return at the same moment.
      const delayMs = (error.retryAfterSeconds ?? 0) * 1000 + backoffDelayMs(failures, options);
      if (options.clock() + delayMs >= options.deadlineMs) throw error;
      await waitDelay(delayMs, options.signal);
    }
  }
}
