import { describe, expect, test } from "vitest";
import { parseRetryAfter } from "../../../worker/delivery/parse-retry-after.ts";

const nowMs = Date.parse("2026-11-23T12:00:00Z");

describe("Retry-After", () => {
  test.each([
    ["0", 0],
    ["2", 2000],
    [" 7 ", 7000],
    ["Mon, 23 Nov 2026 12:00:03 GMT", 3000],
    ["Mon, 23 Nov 2026 11:59:00 GMT", 0],
  ])("[W12] %j is %d ms", (value, expected) => {
    expect(parseRetryAfter(value, nowMs)).toBe(expected);
  });

  test("[W12] of several headers the first counts", () => {
    expect(parseRetryAfter(["3", "9"], nowMs)).toBe(3000);
  });

  test.each([
    undefined,
    "",
    "-1",
    "1.5",
    "1e3",
    "0x10",
    "soon",
    "NaN",
    "Infinity",
    "9999999999",
    "2026-11-23T12:00:03Z",
    "Mon, 99 Nov 2026 12:00:03 GMT",
    "1; drop",
    [] as string[],
  ])("[W12] %j says nothing usable", (attacker) => {
    expect(parseRetryAfter(attacker, nowMs)).toBeUndefined();
  });
});
