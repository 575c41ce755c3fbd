import { CallsealError } from "../../core/verification/errors.ts";

/** Refused because a cap of this process is reached: nothing is broken, and the same request may succeed a moment later. */
export class AtCapacity extends CallsealError {
  constructor(detail: string, retryAfterSeconds: number) {
    super("unavailable", { detail, retryAfterSeconds });
  }
}

/** Gives a place back; giving it back twice is giving it back once. */
export type Release = () => void;

export interface CapacityOptions {
  limit: number;
  /** Told to whoever is refused. */
  detail: string;
  retryAfterSeconds: number;
  onRefusal: () => void;
}

/** So many places and no more: what finds none is refused at once, and nothing waits for one. */
export class Capacity {
  readonly limit: number;
  readonly #options: CapacityOptions;
  #used = 0;

  constructor(options: CapacityOptions) {
    this.limit = options.limit;
    this.#options = options;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes a place and returns the way to give it back, or undefined when all are taken. */
  tryTake(): Release | undefined {
    if (this.#used >= this.limit) {
      this.#options.onRefusal();
      return undefined;
    }
    this.#used += 1;
    let held = true;
    return () => {
      if (held) this.#used -= 1;
      held = false;
    };
  }

  /** As `tryTake`; throws `unavailable` when all places are taken. */
  take(): Release {
    const release = this.tryTake();
    if (!release) throw this.refusal();
    return release;
  }

  refusal(): AtCapacity {
    return new AtCapacity(this.#options.detail, this.#options.retryAfterSeconds);
  }
}
