import { describe, expect, test } from "vitest";
import { Latencies } from "../../bench/measure/latencies.ts";
import { latencyRow, median, ratioGoal, valueRow } from "../../bench/measure/rounds.ts";

describe("the median of rounds", () => {
  test.each([
    [[3], 3],
    [[3, 1, 2], 2],
    [[4, 1, 3, 2], 2.5],
  ])("of %j is %d", (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  test("of nothing is an error", () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe("a ratio", () => {
  test("compares rounds that ran next to each other, so that a drift of the machine cancels", () => {
    const drifting = { ours: [10, 20, 40], reference: [10, 20, 40] };
    expect(ratioGoal("x", drifting, { atMost: 1 })).toMatchObject({
      value: 1,
      spread: { least: 1, most: 1 },
      met: true,
    });
  });

  test.each([
    [{ atMost: 1.5 }, [15], [10], true],
    [{ atMost: 1.5 }, [16], [10], false],
    [{ atLeast: 3 }, [30], [10], true],
    [{ atLeast: 3 }, [29], [10], false],
  ])("with goal %j and %j to %j is met: %s", (bound, ours, reference, met) => {
    expect(ratioGoal("x", { ours, reference }, bound).met).toBe(met);
  });
});

describe("latencies", () => {
  test("are told in microseconds to three significant digits", () => {
    const latencies = new Latencies();
    for (let ms = 1; ms <= 100; ms += 1) latencies.record(ms);
    const { samples, p50, p95, p99, max } = latencies.summary();
    expect(samples).toBe(100);
    for (const [measured, exact] of [
      [p50, 50_000],
      [p95, 95_000],
      [p99, 99_000],
      [max, 100_000],
    ] as const) {
      expect(Math.abs(measured - exact) / exact).toBeLessThan(0.002);
    }
  });

  test("that a clock or a stall makes impossible are kept at the edge of the scale", () => {
    const latencies = new Latencies();
    latencies.record(-5);
    latencies.record(10 ** 9);
    expect(latencies.summary()).toMatchObject({ samples: 2, p50: 1 });
  });

  test("of several rounds are a row of medians with their spread", () => {
    const round = (p50: number) => ({ samples: 10, p50, p95: p50 * 2, p99: p50 * 3, max: p50 * 4 });
    expect(latencyRow("ours", [round(3), round(1), round(2)])).toEqual({
      name: "ours",
      unit: "us",
      value: 2,
      p95: 4,
      p99: 6,
      spread: { least: 1, most: 3 },
      rounds: 3,
      samples: 30,
    });
  });

  test("have no place in a row of plain values", () => {
    expect(valueRow("ours", "KB", [2])).toMatchObject({ value: 2, samples: 1, rounds: 1 });
  });
});
