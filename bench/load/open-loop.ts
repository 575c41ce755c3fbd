import { setTimeout as delay } from "node:timers/promises";

/** Timers are late by up to a millisecond, so the last stretch is spent turning the event loop. */
const turningMs = 1.5;

/**
 * Calls `fire` at a fixed rate, whatever became of the calls before (open loop), with the moment that each one was due.
 * Latency counts from that moment: a client that falls behind shows it instead of sending less (coordinated omission).
 */
export async function openLoop(
  schedule: { count: number; ratePerSecond: number },
  fire: (index: number, dueAt: number) => void,
): Promise<void> {
  const startAt = performance.now() + 10;
  for (let index = 0; index < schedule.count; index += 1) {
    const dueAt = startAt + (index * 1000) / schedule.ratePerSecond;
    const early = dueAt - performance.now() - turningMs;
    if (early > 1) await delay(early);
    while (performance.now() < dueAt) await new Promise((resolve) => setImmediate(resolve));
    fire(index, dueAt);
  }
}

/** Keeps `concurrency` repetitions of `work` under way for so long, and counts those that were done. */
export async function closedLoop(
  bounds: { seconds: number; concurrency: number },
  work: (lane: number) => Promise<void>,
): Promise<{ done: number; seconds: number }> {
  const startedAt = performance.now();
  const endAt = startedAt + bounds.seconds * 1000;
  let done = 0;
  const lanes = Array.from({ length: bounds.concurrency }, async (_, lane) => {
    while (performance.now() < endAt) {
      await work(lane);
      done += 1;
    }
  });
  await Promise.all(lanes);
  return { done, seconds: (performance.now() - startedAt) / 1000 };
}
