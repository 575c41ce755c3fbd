import { setTimeout as delay } from "node:timers/promises";
import type { NextFunction, Request, Response } from "express";

/** Longer than the largest answer takes over a slow line. */
const takenWithinMs = 30_000;

/**
 * Knows the requests that are being answered, so that a gateway that stops can answer them first, and cuts off whoever
 * does not take an answer: what is written and not read stays in this process.
 */
export class RequestsUnderWay {
  readonly #responses = new Set<Response>();
  readonly #seenEnded = new WeakSet<Response>();
  readonly #sweeper: NodeJS.Timeout;

  /** An answer that is complete and not taken is cut off after once to twice `withinMs`, default 30,000. */
  constructor(options: { withinMs?: number } = {}) {
    this.#sweeper = setInterval(() => this.#cutOff(), options.withinMs ?? takenWithinMs);
    this.#sweeper.unref();
  }

  readonly count = (_request: Request, response: Response, next: NextFunction): void => {
    this.#responses.add(response);
    response.once("close", () => this.#responses.delete(response));
    next();
  };

  get size(): number {
    return this.#responses.size;
  }

  /** Waits until every request has its answer, at most so long; asks clients to open a new connection for the next. */
  async settle(withinMs: number): Promise<void> {
    const answered = [...this.#responses].map((response) => {
      if (!response.headersSent) response.set("Connection", "close");
      return new Promise<void>((resolve) => response.once("close", () => resolve()));
    });
    await Promise.race([Promise.all(answered), delay(withinMs, undefined, { ref: false })]);
  }

  close(): void {
    clearInterval(this.#sweeper);
  }

  #cutOff(): void {
    for (const response of this.#responses) {
      // An answer without a socket waits behind the one before it on a pipelined connection: that is nobody's fault.
      const stuck = response.writableEnded && !response.writableFinished && response.socket !== null;
      if (stuck && this.#seenEnded.has(response)) response.destroy();
      if (stuck) this.#seenEnded.add(response);
    }
  }
}
