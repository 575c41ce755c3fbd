/** Every order of the items. */
export function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, index) =>
    permutations([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
  );
}

/** Every ordered pair of the items, each with itself too. */
export function pairs<T>(items: readonly T[]): [T, T][] {
  return items.flatMap((first) => items.map((second): [T, T] => [first, second]));
}
