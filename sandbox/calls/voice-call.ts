import type { CloudContext } from "../cloud-context.ts";
import { type CallStatus, isEntry } from "../ledger/ledger-entry.ts";
import type { CallEnd, LiveCall } from "./live-call.ts";
import { pressDigits } from "./press-digits.ts";
import type { TranscriptLine } from "./transcript.ts";

/** One call, as the person who holds the phone has it. */
export class VoiceCall {
  readonly #call: LiveCall;
  readonly #context: CloudContext;

  constructor(call: LiveCall, context: CloudContext) {
    this.#call = call;
    this.#context = context;
  }

  /** `CA` and 32 hex digits. */
  get sid(): string {
    return this.#call.sid;
  }

  get accountSid(): string {
    return this.#call.accountSid;
  }

  get from(): string {
    return this.#call.from;
  }

  get to(): string {
    return this.#call.to;
  }

  get direction(): "inbound" | "outbound-api" {
    return this.#call.direction;
  }

  get status(): CallStatus {
    return this.#call.status;
  }

  /** What was played so far, in order. */
  get transcript(): readonly TranscriptLine[] {
    return this.#call.transcript;
  }

  /** The last code of four to ten digits that was read out. */
  get spokenCode(): string | undefined {
    return this.#call.spokenCode;
  }

  /** Resolves when the call is over; never rejects. */
  get ended(): Promise<CallEnd> {
    return this.#call.ended;
  }

  /** True while a `<Gather>` listens. */
  get listening(): boolean {
    return this.#call.keypad.listening;
  }

  /** Presses keys and returns how many were heard: none when no `<Gather>` listens. Throws `call_ended`, `invalid_request`. */
  pressDigits(digits: string): number {
    return pressDigits(this.#call, digits, this.#context);
  }

  /** Presses keys as soon as a `<Gather>` listens; rejects with `wait_timeout` after `timeoutMs` (5000) of real time. */
  async pressDigitsWhenAsked(digits: string, options: { timeoutMs?: number } = {}): Promise<number> {
    const { ledger } = this.#context;
    if (!this.listening) {
      const afterSeq = ledger.entries.at(-1)?.seq ?? 0;
      await ledger.waitFor(isEntry("gather.started", this.sid), { afterSeq, reason: "gather", ...options });
    }
    return this.pressDigits(digits);
  }

  /** The caller hangs up; nothing happens when the call is over. */
  hangUp(): void {
    this.#call.hangUp();
  }
}
