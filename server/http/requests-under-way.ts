import { setTimeout as delay } from "node:timers/promises";
import type { NextFunction, Request, Response } from "express";

/** Counts the requests that are being answered, so that a gateway that stops can answer them first. */
export class RequestsUnderWay {
  readonly #responses = new Set<Response>();

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
}
