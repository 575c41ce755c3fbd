/** A handshake takes one frame, and a client that is refused may try again. */
const framesBeforeSignIn = 20;
/** More than any app sends, at once and for good; each of them may be 16 KiB. */
const framesAtOnce = 4000;
const framesPerSecond = 100;

/** How many frames a connection may send: a few until it is signed in, then a bucket that fills up again. */
export class FrameBudget {
  #left = framesBeforeSignIn;
  #filledAt: number | undefined;

  /** From now on the budget is that of somebody whom we know. */
  signIn(nowMs: number): void {
    if (this.#filledAt !== undefined) return;
    this.#left = framesAtOnce;
    this.#filledAt = nowMs;
  }

  /** Takes one frame; false when there is none left. */
  spend(nowMs: number): boolean {
    if (this.#filledAt !== undefined) {
      const filled = ((nowMs - this.#filledAt) / 1000) * framesPerSecond;
      this.#left = Math.min(framesAtOnce, this.#left + filled);
      this.#filledAt = nowMs;
    }
    this.#left -= 1;
    return this.#left >= 0;
  }
}
