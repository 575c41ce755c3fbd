import { setImmediate as nextTurn } from "node:timers/promises";
import { CallsealError } from "../core/verification/errors.ts";

/** More requests at once than anybody has; each may hold a frame of 16 KiB while it waits. */
const mostUnderWay = 2000;
/** While the gateway is busy: what somebody who is in no hurry ever has, so that a few of them do not fill it alone. */
const mostWhileBusy = 16;

interface Queue {
  last: Promise<unknown>;
  length: number;
}

/**
 * Runs work that belongs to the same key one after another, so that racing requests of one device are counted one by
 * one, or readers of much do not all read at once; other keys do not wait. A key is forgotten with its last work. Throws
 * `rate_limited` when too much is waiting.
 */
export function inTurn(isBusy: () => boolean): <Result>(key: string, work: () => Promise<Result>) => Promise<Result> {
  const queues = new Map<string, Queue>();
  return async (key, work) => {
    const queue = queues.get(key) ?? { last: Promise.resolve(), length: 0 };
    if (queue.length >= (isBusy() ? mostWhileBusy : mostUnderWay)) {
      throw new CallsealError("rate_limited", { detail: "too many requests at once", retryAfterSeconds: 1 });
    }
    queues.set(key, queue);
    queue.length += 1;
    // A queue that is long gives way to other devices between its requests, however little each has to wait for.
    const mine = queue.length === 1 ? work() : queue.last.then(nextTurn, () => nextTurn()).then(work);
    queue.last = mine;
    try {
      return await mine;
    } finally {
      queue.length -= 1;
      if (queue.length === 0) queues.delete(key);
    }
  };
}
