export interface Line {
  /** How much `y` grows with one more of `x`. */
  slope: number;
  /** `y` where `x` is zero. */
  atZero: number;
  /** The share of `y`'s variance that the line explains: 1 when all points are on it. */
  fit: number;
}

/** The straight line through points by least squares; needs two different `x` at least. */
export function lineThrough(points: readonly { x: number; y: number }[]): Line {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const middle = { x: mean(points.map(({ x }) => x)), y: mean(points.map(({ y }) => y)) };
  const sum = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((total, { x, y }) => total + of({ x: x - middle.x, y: y - middle.y }), 0);
  const [xx, xy, yy] = [sum(({ x }) => x * x), sum(({ x, y }) => x * y), sum(({ y }) => y * y)];
  if (xx === 0) throw new RangeError("a line takes two different points");
  const slope = xy / xx;
  return { slope, atZero: middle.y - slope * middle.x, fit: yy === 0 ? 1 : (xy * xy) / (xx * yy) };
}
