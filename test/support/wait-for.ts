import { setTimeout as delay } from "node:timers/promises";

export interface WaitForOptions {
  /** Give up after this many milliseconds. Default 10,000. */
  withinMs?: number;
  /** Milliseconds between two looks. Default 5. */
  everyMs?: number;
}

/** Looks until `probe` answers something truthy, and returns that; throws with the reason when the time is over. */
export async function waitFor<T>(
  reason: string | (() => string),
  probe: () => T | Promise<T>,
  options: WaitForOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + (options.withinMs ?? 10_000);
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (performance.now() > deadline)
      throw new Error(`waited in vain: ${typeof reason === "string" ? reason : reason()}`);
    await delay(options.everyMs ?? 5);
  }
}
