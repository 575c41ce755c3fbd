const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/**
 * Whether a JSON object names a member twice. JSON.parse keeps the last one and others the first, so that two readers
 * of one signed text could believe different things (RFC 8259 §4, RFC 7515 §4). `object` is the parsed `json`.
 */
export function hasRepeatedMember(json: string, object: object): boolean {
  let depth = 0;
  let members = 0;
  for (const [token] of json.matchAll(tokens)) {
    if (token === "{" || token === "[") depth += 1;
    else if (token === "}" || token === "]") depth -= 1;
    else if (token === ":" && depth === 1) members += 1;
  }
  return members !== Object.keys(object).length;
}
