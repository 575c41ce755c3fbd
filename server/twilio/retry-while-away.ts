import { setTimeout as delay } from "node:timers/promises";
import { toCallsealError } from "../http/problem.ts";

const pauseMs = 200;

/**
 * Repeats what the store cannot do at the moment until it can, or until nobody waits any more: then the last error is
 * thrown. For callers who are better kept waiting than turned away: a failover is over within seconds.
 */
export async function retryWhileAway<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (toCallsealError(error).code !== "unavailable" || signal.aborted) throw error;
      // An abort ends the pause; the next attempt is the last one.
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
