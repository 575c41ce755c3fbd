import { describe, expect, test } from "vitest";
import { backOff, fullJitterMs, RetryLater, retryDelayMs } from "../../worker/intercept/retry-policy.ts";

const almostOne = () => 1 - Number.EPSILON;
const zero = () => 0;

describe("full jitter", () => {
  test.each([
    [1, 300],
    [2, 600],
    [3, 1200],
    [4, 2000],
    [5, 2000],
    [1000, 2000],
  ])("[W34] after attempt %d the next comes within %d ms, and may come at once", (attempt, bound) => {
    expect(fullJitterMs(attempt, almostOne)).toBeCloseTo(bound, 6);
    expect(fullJitterMs(attempt, zero)).toBe(0);
  });

  test("[W34] it uses the whole of its bound", () => {
    const delays = Array.from({ length: 4000 }, () => fullJitterMs(1));
    for (const [low, high] of [
      [0, 100],
      [100, 200],
      [200, 300],
    ] as const) {
      const share = delays.filter((delay) => delay >= low && delay < high).length / delays.length;
      expect(share).toBeGreaterThan(0.25);
      expect(share).toBeLessThan(0.42);
    }
  });
});

describe("the delay before the next attempt", () => {
  const ask = (remainingMs: number, retryAfterMs?: number) =>
    retryDelayMs({ attempt: 1, remainingMs, retryAfterMs, random: () => 0.5 });

  test.each([
    ["is the jitter while there is time", 30_000, undefined, 150],
    ["is what the provider asked for, when that is longer", 30_000, 4000, 4000],
    ["is the jitter, when that is longer", 30_000, 20, 150],
    ["ends half a second before the window does, whatever was asked for", 10_000, 60_000, 9500],
    ["ends half a second before the window does, also for jitter", 600, undefined, 100],
    ["is none in the last half second", 500, undefined, undefined],
    ["is none after the window", -1, 10, undefined],
  ])("[W34] %s", (_what, remainingMs, retryAfterMs, expected) => {
    expect(ask(remainingMs, retryAfterMs)).toBe(expected);
  });

  test("[W34] a job takes its delay in whole milliseconds, at least one; a fault takes full jitter", () => {
    expect(backOff(1, new RetryLater("http_500", 123.4))).toBe(123);
    expect(backOff(1, new RetryLater("http_500", 0))).toBe(1);
    for (const delay of Array.from({ length: 200 }, () => backOff(1, new Error("Command timed out")))) {
      expect(delay).toBeGreaterThanOrEqual(1);
      expect(delay).toBeLessThanOrEqual(300);
    }
  });
});
