const firstDelayMs = 5000;
const longestDelayMs = 7_200_000;

/** An attempt that failed and is made again; `retryAfterMs` is what the receiver asked for. */
export class DeliveryFailed extends Error {
  readonly retryAfterMs: number | undefined;

  constructor(detail: string, retryAfterMs?: number) {
    super(detail);
    this.name = "DeliveryFailed";
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Milliseconds until the next attempt: 5 s, then three times as long each, at most two hours, each a fifth more or less, so
 * that what failed together does not come back together. A longer `Retry-After` is honoured up to two hours.
 * Twelve attempts are made over about nine hours.
 */
export function spreadRetries(attemptsMade: number, error?: Error, random: () => number = Math.random): number {
  const delayMs = Math.min(firstDelayMs * 3 ** Math.max(0, attemptsMade - 1), longestDelayMs);
  const asked = error instanceof DeliveryFailed ? Math.min(error.retryAfterMs ?? 0, longestDelayMs) : 0;
  return Math.round(Math.max(delayMs * (0.8 + 0.4 * random()), asked));
}
