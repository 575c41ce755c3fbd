import { expect, test } from "vitest";
import { growthOf } from "../../fault/fleet/measure-growth.ts";

test("[X9] growth is the median of the last fifth against that of the middle one, whatever single samples show", () => {
  const steady = Array.from({ length: 50 }, (_, index) => ({
    level: index % 7 === 0 ? 900 : 100,
    leak: 100 + index,
    "filling up": Math.min(index * 10, 200),
  }));
  const growth = growthOf(steady);
  expect(growth["level"]).toBe(0);
  expect(growth["filling up"]).toBe(0);
  expect(growth["leak"]).toBeGreaterThan(0.1);
});
