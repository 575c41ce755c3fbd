import type { Arrival } from "../fleet/ivr.ts";

/** What every party of one call saw, in milliseconds of this process' monotonic clock. */
export interface CallHistory {
  callId: string;
  /** The device sent its proof. */
  sentAt?: number;
  /** The device was told `confirmed`: from here on it is a promise. */
  ackedAt?: number;
  /** The error that the app was left with, after its own retries. */
  refusal?: string;
  /** Every other error that reached a client through the SDK, which follows `advice` and `Retry-After`. */
  clientErrors: string[];
  /** What the IVR's long poll ended with. */
  polled?: string;
  /** The voice cloud took an update of the call. */
  updates: number[];
  /** The call came to the IVR's page for verified callers; without an id when the receipt was not a genuine one. */
  arrivals: { at: number; receiptId: string | undefined }[];
  /** The call was led to the IVR's page for the others. */
  turnedAway: number[];
  /** What the session is when all is quiet again; `lost` when there is none, as after a failover that took its creation with it. */
  end?: { status: string; intercept: string };
}

/** The histories of one run, by call id. */
export class Histories {
  readonly #calls = new Map<string, CallHistory>();
  readonly #waiting = new Map<string, () => void>();
  #nextProof = Promise.withResolvers<void>();

  begin(callId: string): CallHistory {
    const call: CallHistory = { callId, clientErrors: [], updates: [], arrivals: [], turnedAway: [] };
    this.#calls.set(callId, call);
    return call;
  }

  get all(): readonly CallHistory[] {
    return [...this.#calls.values()];
  }

  find(callId: string): CallHistory | undefined {
    return this.#calls.get(callId);
  }

  /** The device of the call sends its proof now. */
  proofSent(call: CallHistory): void {
    call.sentAt = performance.now();
    this.#nextProof.resolve();
    this.#nextProof = Promise.withResolvers<void>();
  }

  /** Resolves in the moment in which the next proof is sent, so that a call is under way. */
  nextProof(): Promise<void> {
    return this.#nextProof.promise;
  }

  arrived({ page, callId, at, receiptId }: Arrival): void {
    const call = this.#calls.get(callId);
    if (page === "unverified") call?.turnedAway.push(at);
    else call?.arrivals.push({ at, receiptId });
    if (page === "verified") this.#waiting.get(callId)?.();
  }

  /** Resolves with true once the call has come to the verified page, or with false when it has not in time. */
  arrival(call: CallHistory, withinMs: number): Promise<boolean> {
    if (call.arrivals.length > 0) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const settle = (arrived: boolean) => {
      clearTimeout(timer);
      this.#waiting.delete(call.callId);
      resolve(arrived);
    };
    const timer = setTimeout(() => settle(false), withinMs);
    this.#waiting.set(call.callId, () => settle(true));
    return promise;
  }
}
