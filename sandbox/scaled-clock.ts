import { setTimeout as delay } from "node:timers/promises";

/** Time as the callers of the sandbox live it: `scale` 0.01 makes speech, pauses and time-outs a hundred times shorter. */
export class ScaledClock {
  readonly scale: number;

  constructor(scale: number) {
    if (!(scale > 0 && Number.isFinite(scale))) throw new RangeError("timeScale is a number above 0");
    this.scale = scale;
  }

  /** Waits `ms` of caller time; false when the signal cut it short. */
  wait(ms: number, signal: AbortSignal): Promise<boolean> {
    return waitReal(ms * this.scale, signal);
  }
}

/** Waits real milliseconds; false when the signal cut it short. */
export async function waitReal(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  try {
    await delay(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
