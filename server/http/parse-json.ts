import { CallsealError } from "../../core/verification/errors.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The JSON text of a body as a value, or `invalid_request`. Stricter than JSON.parse where two readers of one text could
 * believe different things (RFC 7493): it is UTF-8, no object names a member twice, and none names `__proto__`, which
 * copying would turn into something else. A byte order mark is passed over (RFC 8259 §8.1).
 */
export function parseJson(body: Buffer): unknown {
  const text = decode(body);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refused("is not JSON", cause);
  }
  if (countMembers(text) !== countKeys(value)) throw refused("names a member twice");
  return value;
}

function decode(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch (cause) {
    throw refused("is not UTF-8", cause);
  }
}

const stringOrColon = /"(?:[^"\\]|\\.)*"|:/g;

/** Members of every object in a JSON text: outside strings, each has one colon. */
function countMembers(text: string): number {
  let members = 0;
  for (const [token] of text.matchAll(stringOrColon)) if (token === ":") members += 1;
  return members;
}

/** Keys of every object in a value, without recursion: a body may nest thousands of levels deep. */
function countKeys(root: unknown): number {
  let keys = 0;
  const left = [root];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value !== "object" || value === null) continue;
    if (!Array.isArray(value)) {
      if (Object.hasOwn(value, "__proto__")) throw refused("has a member that is called __proto__");
      keys += Object.keys(value).length;
    }
    for (const inner of Object.values(value)) left.push(inner);
  }
  return keys;
}

function refused(why: string, cause?: unknown): CallsealError {
  return new CallsealError("invalid_request", {
    detail: "The body cannot be read.",
    errors: [{ pointer: "", message: why }],
    cause,
  });
}
