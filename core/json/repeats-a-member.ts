import { objectsIn } from "./objects-in.ts";

/**
 * Whether any object of a JSON text names a member twice. JSON.parse keeps the last one and others the first, so that two
 * readers of one text could believe different things (RFC 8259 §4, RFC 7493 §2.3). `value` is the parsed `text`.
 */
export function repeatsAMember(text: string, value: unknown): boolean {
  let keys = 0;
  for (const object of objectsIn(value)) keys += Object.keys(object).length;
  return countMembers(text) !== keys;
}

const [quote, colon, backslash] = ['"', ":", "\\"].map((character) => character.charCodeAt(0));

/** Members of every object in a JSON text: outside strings, each has one colon. */
function countMembers(text: string): number {
  let members = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at);
    else if (code === colon) members += 1;
  }
  return members;
}

/** Where the string that begins at `start` ends: at the next quotation mark before which no backslash is left over. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === backslash) before -= 1;
    if ((end - before) % 2 === 1) return end;
  }
}
