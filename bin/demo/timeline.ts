import type { LedgerEntry } from "../../sandbox/ledger/ledger-entry.ts";

/** Prints what happens on a call with the milliseconds since it was placed, as it happens. */
export class Timeline {
  readonly #print: (line: string) => void;
  readonly #startedAt = performance.now();
  #last = 0;
  #held: { what: string; atMs: number }[] | undefined;

  constructor(print: (line: string) => void) {
    this.#print = print;
    print(`\n${"ms".padStart(8)}  ${"+ms".padStart(7)}  what happened`);
  }

  /** `atMs` by `performance.now()`; default: now. */
  step(what: string, atMs = performance.now()): void {
    if (this.#held) {
      this.#held.push({ what, atMs });
      return;
    }
    const ms = Math.max(0, atMs - this.#startedAt);
    this.#print(`${ms.toFixed(1).padStart(8)}  ${`+${Math.max(0, ms - this.#last).toFixed(1)}`.padStart(7)}  ${what}`);
    this.#last = Math.max(ms, this.#last);
  }

  /** Keeps steps back until `release`, which prints them in the order of their times: one of them is learnt late. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const { what, atMs } of held.toSorted((a, b) => a.atMs - b.atMs)) this.step(what, atMs);
  }

  /** A time of the gateway's, by the wall clock of this machine. */
  stepAtWallTime(what: string, iso: string): void {
    this.step(what, Date.parse(iso) - performance.timeOrigin);
  }

  /** One line of the voice cloud's ledger, where it is one of the path's steps. */
  hear(entry: LedgerEntry): void {
    const told = tell(entry);
    if (told !== undefined) this.step(told, entry.monotonicMs);
  }
}

function tell(entry: LedgerEntry): string | undefined {
  switch (entry.type) {
    case "call.placed":
      return `call ${entry.callSid.slice(0, 8)}… placed, ${entry.from} calls ${entry.to}`;
    case "webhook.sent":
      return entry.purpose === "status_callback" ? undefined : `webhook to the gateway: ${pathOf(entry.url)}`;
    case "webhook.answered":
      return entry.purpose === "status_callback" ? undefined : `answered after ${entry.elapsedMs.toFixed(1)} ms`;
    case "speech.started":
      return `spoken: “${tidySpeech(entry.text)}”`;
    case "call.updated":
      return `call updated: the voice cloud interrupts ${entry.interrupted ?? "the call"}`;
    case "ivr.visited":
      return `the IVR's ${entry.page} page was fetched`;
    case "call.error":
      return `the call failed: ${entry.code} ${entry.message}`;
    case "call.ended":
      return `call ended: ${entry.reason}`;
    default:
      return undefined;
  }
}

/** Without the gap that SSML leaves before a full stop. */
export function tidySpeech(text: string): string {
  return text.replace(/\s+([.,!?])/g, "$1");
}

function pathOf(url: string): string {
  return new URL(url).pathname;
}
