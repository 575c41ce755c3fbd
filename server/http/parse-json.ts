import { objectsIn } from "../../core/json/objects-in.ts";
import { repeatsAMember } from "../../core/json/repeats-a-member.ts";
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
  if (repeatsAMember(text, value)) throw refused("names a member twice");
  for (const object of objectsIn(value)) {
    if (Object.hasOwn(object, "__proto__")) throw refused("has a member that is called __proto__");
  }
  return value;
}

function decode(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch (cause) {
    throw refused("is not UTF-8", cause);
  }
}

function refused(why: string, cause?: unknown): CallsealError {
  return new CallsealError("invalid_request", {
    detail: "The body cannot be read.",
    errors: [{ pointer: "", message: why }],
    cause,
  });
}
