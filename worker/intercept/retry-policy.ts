/** The first retry comes within this time, the later ones within twice as long each, up to the longest. */
const firstWithinMs = 300;
const longestMs = 2000;
/** The last attempt starts so long before the window closes, whatever wait was asked for. */
const lastChanceMs = 500;

export interface RetryQuestion {
  /** The attempt that did not succeed, from 1. */
  attempt: number;
  /** Milliseconds until the call cannot profit any more. */
  remainingMs: number;
  /** What the provider asked for. */
  retryAfterMs?: number | undefined;
  /** Uniform on [0, 1). */
  random?: () => number;
}

/**
 * Milliseconds until the next attempt, or undefined when it would come too late. Full jitter, so that calls which failed
 * together do not come back together; a provider's `Retry-After` is honoured as far as the time that is left.
 */
export function retryDelayMs({ attempt, remainingMs, retryAfterMs = 0, random }: RetryQuestion): number | undefined {
  const lastChance = remainingMs - lastChanceMs;
  if (lastChance <= 0) return undefined;
  return Math.min(Math.max(fullJitterMs(attempt, random), retryAfterMs), lastChance);
}

/** A uniform share of a bound that doubles with every attempt: 300, 600, 1200, 2000, 2000 … ms. */
export function fullJitterMs(attempt: number, random: () => number = Math.random): number {
  const bound = Math.min(firstWithinMs * 2 ** Math.max(0, Math.min(attempt, 16) - 1), longestMs);
  return random() * bound;
}

/** Thrown by a job that is to be taken again after a while; its message is short, stable and free of secrets. */
export class RetryLater extends Error {
  readonly delayMs: number;

  constructor(reason: string, delayMs: number) {
    super(reason);
    this.name = "RetryLater";
    this.delayMs = delayMs;
  }
}

/** BullMQ's backoff strategy `full-jitter`: what the job asked for, or full jitter after a fault. Whole milliseconds, at least 1. */
export function backOff(attemptsMade: number, error: Error | undefined): number {
  const delayMs = error instanceof RetryLater ? error.delayMs : fullJitterMs(attemptsMade);
  return Math.max(1, Math.round(delayMs));
}
