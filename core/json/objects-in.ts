/** Every object in a JSON value, without recursion: a body may nest thousands of levels deep. */
export function* objectsIn(root: unknown): Generator<object> {
  const left = [root];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value !== "object" || value === null) continue;
    if (!Array.isArray(value)) yield value;
    for (const inner of Object.values(value)) if (typeof inner === "object") left.push(inner);
  }
}
