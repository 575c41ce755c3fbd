import { randomBytes } from "node:crypto";
import type { LiveCall } from "./live-call.ts";

/** The calls of one cloud by SID. Ended calls are forgotten, oldest first, when more than `limit` are kept. */
export class CallRegister {
  readonly #calls = new Map<string, LiveCall>();
  readonly #limit: number;

  constructor(limit = 10_000) {
    this.#limit = limit;
  }

  add(call: LiveCall): void {
    this.#calls.set(call.sid, call);
    if (this.#calls.size <= this.#limit) return;
    for (const known of this.#calls.values()) {
      if (!known.isOver) continue;
      this.#calls.delete(known.sid);
      return;
    }
  }

  get(sid: string): LiveCall | undefined {
    return this.#calls.get(sid);
  }

  /** Every call that is still known, in the order in which they were placed. */
  all(): LiveCall[] {
    return [...this.#calls.values()];
  }
}

/** `CA` and 32 hex digits: https://www.twilio.com/docs/glossary/what-is-a-sid */
export function newCallSid(): string {
  return `CA${randomBytes(16).toString("hex")}`;
}
