import type { CloudContext } from "../cloud-context.ts";
import type { GatherVerb } from "../twiml/twiml.ts";
import type { LiveCall } from "./live-call.ts";
import { playPrompt } from "./play-prompt.ts";

export interface Gathered {
  digits: string;
  because: "digits" | "finish_key" | "timeout";
}

/**
 * Plays a `<Gather>`: the first key silences its prompts, the time-out runs from the end of the prompts and anew from
 * every key, and it ends with the last digit, a finishing key or the time-out. Undefined when the signal cut it.
 * Source: https://www.twilio.com/docs/voice/twiml/gather
 */
export async function playGather(
  call: LiveCall,
  gather: GatherVerb,
  signal: AbortSignal,
  context: CloudContext,
): Promise<Gathered | undefined> {
  const input = new DigitInput(gather);
  const stopListening = call.keypad.listen((key) => input.accept(key));
  const { numDigits, timeoutSeconds } = gather;
  const limit = numDigits === undefined ? {} : { numDigits };
  context.ledger.append({ type: "gather.started", callSid: call.sid, timeoutSeconds, ...limit });
  try {
    for (const prompt of gather.prompts) {
      const untilKey = AbortSignal.any([signal, input.touched]);
      if (!untilKey.aborted) await playPrompt(call, prompt, untilKey, context);
    }
    await waitForInput(input, timeoutSeconds * 1000, signal, context);
  } finally {
    stopListening();
  }
  if (signal.aborted) return undefined;
  const gathered = { digits: input.digits, because: input.because };
  context.ledger.append({ type: "gather.finished", callSid: call.sid, ...gathered });
  return gathered;
}

async function waitForInput(input: DigitInput, timeoutMs: number, signal: AbortSignal, context: CloudContext) {
  while (!input.done && !signal.aborted) {
    const untilKey = AbortSignal.any([signal, input.nextKey()]);
    if (await context.clock.wait(timeoutMs, untilKey)) return;
  }
}

class DigitInput {
  digits = "";
  because: Gathered["because"] = "timeout";
  done = false;
  readonly #gather: GatherVerb;
  readonly #touched = new AbortController();
  #nextKey = new AbortController();

  constructor(gather: GatherVerb) {
    this.#gather = gather;
  }

  /** Aborted by the first key. */
  get touched(): AbortSignal {
    return this.#touched.signal;
  }

  /** Aborted by the next key. */
  nextKey(): AbortSignal {
    this.#nextKey = new AbortController();
    return this.#nextKey.signal;
  }

  /** False when the input is complete already. */
  accept(key: string): boolean {
    if (this.done) return false;
    if (this.#gather.finishOnKey.includes(key)) {
      this.#finish("finish_key");
    } else {
      this.digits += key;
      if (this.digits.length === this.#gather.numDigits) this.#finish("digits");
    }
    this.#touched.abort();
    this.#nextKey.abort();
    return true;
  }

  #finish(because: Gathered["because"]): void {
    this.done = true;
    this.because = because;
  }
}
