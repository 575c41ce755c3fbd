/**
 * The one text of a JSON value (RFC 8785, JSON Canonicalization Scheme): no white space, members sorted by the UTF-16
 * code units of their names, numbers and strings as ECMAScript writes them, which is what the RFC asks for (§3.2.2).
 * Takes what `JSON.parse` returns. Unlike the RFC it writes a lone surrogate as its escape instead of refusing it, because
 * an event that is already there has to be recorded.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const object = value as Record<string, unknown>;
  const members = Object.keys(object)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(object[name])}`);
  return `{${members.join(",")}}`;
}
