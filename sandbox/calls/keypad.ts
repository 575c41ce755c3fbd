/** The caller's keys. Only what is pressed while a `<Gather>` listens is heard; the rest is lost, as on a live call. */
export class Keypad {
  #listener: ((key: string) => boolean) | undefined;

  get listening(): boolean {
    return this.#listener !== undefined;
  }

  /** Offers every key to the listener, which says whether it heard it, until the returned function is called. */
  listen(listener: (key: string) => boolean): () => void {
    this.#listener = listener;
    return () => {
      if (this.#listener === listener) this.#listener = undefined;
    };
  }

  /** Presses the keys one after another and returns how many were heard. */
  press(digits: string): number {
    let heard = 0;
    for (const key of digits) {
      if (this.#listener?.(key)) heard += 1;
    }
    return heard;
  }
}
