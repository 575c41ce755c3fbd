/** The caller's keys. Only what is pressed while a `<Gather>` listens is heard; the rest is lost, as on a live call. */
export class Keypad {
  #listener: ((key: string) => void) | undefined;

  get listening(): boolean {
    return this.#listener !== undefined;
  }

  /** Hears every key until the returned function is called. */
  listen(listener: (key: string) => void): () => void {
    this.#listener = listener;
    return () => {
      if (this.#listener === listener) this.#listener = undefined;
    };
  }

  /** Presses the keys one after another and returns how many were heard. */
  press(digits: string): number {
    let heard = 0;
    for (const key of digits) {
      if (!this.#listener) continue;
      heard += 1;
      this.#listener(key);
    }
    return heard;
  }
}
