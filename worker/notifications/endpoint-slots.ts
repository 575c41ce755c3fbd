/** Most milliseconds that a notification waits for its turn before it asks again. */
const longestTurnMs = 300_000;
/** What an attempt is expected to take at least, when turns are handed out. */
const turnMs = 100;

interface Endpoint {
  underWay: number;
  putOff: number;
}

/**
 * Lets an endpoint have only some of the attempts that a worker makes at once, so that one which answers slowly or not at
 * all leaves the others theirs. Who finds no slot comes again, the later the more are waiting.
 */
export class EndpointSlots {
  readonly #slots: number;
  readonly #endpoints = new Map<string, Endpoint>();

  constructor(slots: number) {
    this.#slots = slots;
  }

  /** Takes a slot and returns how to give it back, or undefined and counts one more that waits. */
  take(endpoint: string): (() => void) | undefined {
    const state = this.#endpoints.get(endpoint) ?? { underWay: 0, putOff: 0 };
    this.#endpoints.set(endpoint, state);
    if (state.underWay >= this.#slots) {
      state.putOff += 1;
      return undefined;
    }
    state.underWay += 1;
    return () => {
      state.underWay -= 1;
      state.putOff = Math.max(0, state.putOff - 1);
      if (state.underWay === 0 && state.putOff === 0) this.#endpoints.delete(endpoint);
    };
  }

  /** In how many milliseconds one that found no slot should come again. */
  turnIn(endpoint: string, random: () => number = Math.random): number {
    const waiting = this.#endpoints.get(endpoint)?.putOff ?? 0;
    return Math.round(turnMs + Math.min(longestTurnMs, (waiting * turnMs) / this.#slots + turnMs) * random());
  }
}
