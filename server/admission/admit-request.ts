import type { NextFunction, Request, Response } from "express";
import type { Capacity, Release } from "./capacity.ts";

/** How long the work for somebody who has hung up may go on: two commands that time out. */
const abandonedMs = 4000;

/**
 * Takes a place among the requests under way until the answer is gone, or refuses with 503. It stands behind the API key
 * (or the body, where there is none), so that nobody unknown holds a place, however slowly they send. Whoever hangs up
 * gives theirs back when the work may be over: clients that give up and try again are not to pile it up.
 */
export function admitRequest(requests: Capacity) {
  return (_request: Request, response: Response, next: NextFunction): void => {
    const release = requests.take();
    const leave = () => {
      if (response.writableEnded) release();
      else setTimeout(release, abandonedMs).unref();
    };
    response.locals.leave = () => {
      response.off("close", leave);
      release();
    };
    response.once("close", leave);
    next();
  };
}

/** A request that only waits from now on, as a long poll does, makes room for others. */
export function leaveRequests(response: Response): void {
  (response.locals.leave as Release | undefined)?.();
}
