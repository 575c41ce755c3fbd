import type { SessionStore } from "../../core/redis/session-store.ts";
import type { StatusChannel } from "../../core/redis/status-channel.ts";
import { isTerminal, type Session } from "../../core/verification/session.ts";

export interface WaitOptions {
  tenant: string;
  /** Longest wait from now, in milliseconds. */
  waitMs: number;
  /** The poller hung up: the wait ends at once and holds nothing. */
  signal: AbortSignal;
}

/** Timers are a little early at times; reading again a moment later costs nothing that anyone notices. */
const leastRereadMs = 2;

/**
 * Waits for a session's end. Subscribe, wait until live, read, then wait: what is published after the read reaches
 * the listener, and what happened before it is in the record. No wait misses a transition, on whichever gateway it
 * happens.
 */
export class TerminalWaiter {
  readonly #sessions: SessionStore;
  readonly #channel: StatusChannel;
  /** A set, not a signal that all listen to: a signal looks through all its listeners for the one that leaves. */
  readonly #turns = new Set<Turn>();
  #isReleased = false;

  constructor(sessions: SessionStore, channel: StatusChannel) {
    this.#sessions = sessions;
    this.#channel = channel;
  }

  /** The session once it is terminal, or as it stands when the wait is over; undefined when there is none. */
  async wait(sessionId: string, options: WaitOptions): Promise<Session | undefined> {
    if (options.waitMs <= 0 || this.#isReleased) return this.#sessions.read(sessionId, options.tenant);
    const deadline = performance.now() + options.waitMs;
    const turn = new Turn(options.signal);
    this.#turns.add(turn);
    const listening = this.#channel.listen(sessionId, turn.hear);
    listening.catch(() => undefined);
    try {
      // With Redis away a subscription may be long in coming: the caller's time counts, not ours.
      await turn.first(listening, options.waitMs);
      return await this.#untilTerminal(sessionId, { ...options, deadline, turn });
    } finally {
      turn.close();
      this.#turns.delete(turn);
      listening.then(
        (leave) => leave(),
        () => undefined,
      );
    }
  }

  /** Answers every wait now, and every later one at once: the gateway is about to stop. */
  releaseAll(): void {
    this.#isReleased = true;
    for (const turn of this.#turns) turn.end();
  }

  async #untilTerminal(
    sessionId: string,
    wait: WaitOptions & { deadline: number; turn: Turn },
  ): Promise<Session | undefined> {
    for (;;) {
      const session = await this.#sessions.read(sessionId, wait.tenant);
      const leftMs = wait.deadline - performance.now();
      if (!session || isTerminal(session.status) || leftMs <= 0 || wait.turn.ended) return session;
      // The clock of Redis decides when a session is over; the record carries how long that is from now.
      const untilExpiryMs = session.expiresAtMs - session.readAtMs + leastRereadMs;
      const heard = await wait.turn.next(Math.min(leftMs, untilExpiryMs));
      if (heard && heard.tenant === wait.tenant) return heard;
      // Thousands may hang up, or be released, at once: what was read is as good for them as another read each.
      if (wait.turn.ended) return session;
    }
  }
}

/** One poll's turn to be woken: by a message, by time, or because nobody waits any more. */
class Turn {
  #heard: Session | undefined;
  #messages = 0;
  #wake: (() => void) | undefined;
  readonly #signal: AbortSignal;
  #isEnded: boolean;
  readonly end = () => {
    this.#isEnded = true;
    this.#wake?.();
  };

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.#isEnded = signal.aborted;
    signal.addEventListener("abort", this.end);
  }

  /** Whether nobody waits any more. */
  get ended(): boolean {
    return this.#isEnded;
  }

  readonly hear = (session: Session | undefined): void => {
    if (session) this.#heard = session;
    this.#messages += 1;
    this.#wake?.();
  };

  /** Resolves with the terminal session that was published, or undefined when the record must be read again. */
  async next(withinMs: number): Promise<Session | undefined> {
    if (this.#messages === 0 && !this.ended) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(withinMs, 0));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    this.#messages = 0;
    return this.#heard;
  }

  /** Waits for something else, no longer than the turn lasts. */
  async first(other: Promise<unknown>, withinMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
      this.#wake = () => {
        if (this.ended) resolve();
      };
    });
    await Promise.race([other, over]).finally(() => clearTimeout(timer));
    this.#wake = undefined;
  }

  close(): void {
    this.#signal.removeEventListener("abort", this.end);
  }
}
