import { CallsealSdkError } from "./errors.ts";

/** Resolves after `delayMs`; rejects with `aborted` as soon as `signal` fires, and leaves no timer behind. */
export function waitDelay(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortError(signal));
    const done = () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    };
    const abort = () => {
      clearTimeout(timer);
      if (signal) reject(abortError(signal));
    };
    const timer = setTimeout(done, delayMs);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** The error of a fired signal: its own reason when that is ours, else `aborted`. */
export function abortError(signal: AbortSignal): CallsealSdkError {
  const reason: unknown = signal.reason;
  return reason instanceof CallsealSdkError ? reason : new CallsealSdkError("aborted", { cause: reason });
}
