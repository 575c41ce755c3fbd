import { CallsealError } from "../verification/errors.ts";

/** A refusal by a limit, with the seconds to wait. `first` is true for the first of a window: the one worth an event. */
export class RateLimited extends CallsealError {
  readonly first: boolean;

  constructor({ first, msLeft }: { first: boolean; msLeft: number }) {
    super("rate_limited", {
      detail: "Too many requests of this kind. Wait as long as Retry-After says.",
      retryAfterSeconds: Math.max(1, Math.ceil(msLeft / 1000)),
    });
    this.first = first;
  }
}
