import { expect, test } from "vitest";
import { lineThrough } from "../../bench/measure/slope.ts";

test("a line through points of a line is that line", () => {
  const line = lineThrough([10, 20, 40].map((x) => ({ x, y: 500 + 3 * x })));
  expect(line.slope).toBeCloseTo(3);
  expect(line.atZero).toBeCloseTo(500);
  expect(line.fit).toBeCloseTo(1);
});

test("points around a line have its slope, and a fit below 1", () => {
  const line = lineThrough([
    { x: 1, y: 1 },
    { x: 2, y: 4 },
    { x: 3, y: 5 },
    { x: 4, y: 8 },
  ]);
  expect(line.slope).toBeCloseTo(2.2);
  expect(line.fit).toBeCloseTo(0.968, 3);
});

test("what never changes has the slope 0 and fits", () => {
  expect(
    lineThrough([
      { x: 1, y: 7 },
      { x: 2, y: 7 },
    ]),
  ).toEqual({ slope: 0, atZero: 7, fit: 1 });
});

test("one point is no line", () => {
  expect(() => lineThrough([{ x: 1, y: 7 }])).toThrow(RangeError);
});
