import { SandboxError } from "../sandbox-error.ts";
import type { LedgerEntry, LedgerEvent } from "./ledger-entry.ts";

export interface WaitOptions {
  /** Real milliseconds before the wait is given up; default 5000. */
  timeoutMs?: number;
  /** Only entries with a greater `seq` count; default 0, so that what happened already counts. */
  afterSeq?: number;
  /** Said in the error when nothing came. */
  reason?: string;
}

/** The append-only record of one voice cloud. The oldest entries go when there are more than `limit`. */
export class Ledger {
  readonly #entries: LedgerEntry[] = [];
  readonly #listeners = new Set<(entry: LedgerEntry) => void>();
  readonly #limit: number;
  #seq = 0;

  constructor(limit = 100_000) {
    this.#limit = limit;
  }

  get entries(): readonly LedgerEntry[] {
    return this.#entries;
  }

  append(event: LedgerEvent): LedgerEntry {
    this.#seq += 1;
    const stamp = { seq: this.#seq, monotonicMs: performance.now(), time: new Date().toISOString() };
    const entry: LedgerEntry = Object.freeze({ ...event, ...stamp });
    this.#entries.push(entry);
    // A tenth at a time: shifting one by one would copy the whole array for every entry.
    if (this.#entries.length > this.#limit) this.#entries.splice(0, Math.ceil(this.#limit / 10));
    for (const listener of [...this.#listeners]) listener(entry);
    return entry;
  }

  /** The entries after a `seq`, oldest first. */
  after(seq: number, limit = 1000): LedgerEntry[] {
    const first = this.#entries.findIndex((entry) => entry.seq > seq);
    return first < 0 ? [] : this.#entries.slice(first, first + limit);
  }

  /** Calls the listener for every new entry until the returned function is called. */
  onEntry(listener: (entry: LedgerEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  waitFor<T extends LedgerEntry>(predicate: (entry: LedgerEntry) => entry is T, options?: WaitOptions): Promise<T>;
  waitFor(predicate: (entry: LedgerEntry) => boolean, options?: WaitOptions): Promise<LedgerEntry>;
  waitFor(predicate: (entry: LedgerEntry) => boolean, options: WaitOptions = {}): Promise<LedgerEntry> {
    const { timeoutMs = 5000, afterSeq = 0, reason = "a matching entry" } = options;
    const known = this.#entries.find((entry) => entry.seq > afterSeq && predicate(entry));
    if (known) return Promise.resolve(known);
    const { promise, resolve, reject } = Promise.withResolvers<LedgerEntry>();
    const timer = setTimeout(() => {
      stop();
      const last = this.#entries.slice(-8).map((entry) => entry.type);
      reject(new SandboxError("wait_timeout", `no ${reason} within ${timeoutMs} ms; last entries: ${last.join(", ")}`));
    }, timeoutMs);
    const stop = this.onEntry((entry) => {
      if (!predicate(entry)) return;
      clearTimeout(timer);
      stop();
      resolve(entry);
    });
    return promise;
  }
}
