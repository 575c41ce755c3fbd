import { describe, expect, test } from "vitest";
import { requireGuessesLeft } from "../../../server/device/require-good-standing.ts";

type Context = Parameters<typeof requireGuessesLeft>[0];
type Request = Parameters<typeof requireGuessesLeft>[1];

describe("a device whose wrong DIDs have used up their window", () => {
  const request = { tenant: { limits: { wrongDidsPer10Min: 5 } } } as Request;
  const standing = { wrongInWindow: 5, windowEndsAtMs: 1_000_000 };

  test.each([
    ["a moment before its end", 999_999, 1],
    ["at its beginning", 400_000, 600],
    ["by a clock that is late", 399_000, 600],
  ])("[D9] is told how long it lasts, %s, and never longer than a window", (_when, nowMs, seconds) => {
    const context = { clock: { now: () => nowMs } } as Context;
    expect(() => requireGuessesLeft(context, request, standing)).toThrow(
      expect.objectContaining({ code: "rate_limited", retryAfterSeconds: seconds }),
    );
  });
});
