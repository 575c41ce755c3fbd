import type { NextFunction, Request, Response } from "express";
import type { Capacity, Release } from "./capacity.ts";

/**
 * Takes a place among the requests under way until the answer is gone, or refuses with 503. It stands behind the API key
 * (or the body, where there is none), so that nobody unknown holds a place, however slowly they send.
 */
export function admitRequest(requests: Capacity) {
  return (_request: Request, response: Response, next: NextFunction): void => {
    const release = requests.take();
    response.locals.leave = release;
    response.once("close", release);
    next();
  };
}

/** A request that only waits from now on, as a long poll does, makes room for others. */
export function leaveRequests(response: Response): void {
  (response.locals.leave as Release | undefined)?.();
}
