import { hostileText, hostileValue, writeJson } from "./hostile-values.ts";
import type { FuzzRandom } from "./random.ts";

type Container = Record<string, unknown> | unknown[];

/** A copy of the value with one to four members taken away, swapped in type, wrapped, doubled or added. */
export function mutateValue<T>(random: FuzzRandom, value: T): unknown {
  const root = { value: structuredClone(value) as unknown };
  const times = 1 + random.below(random.chance(0.2) ? 4 : 2);
  for (let time = 0; time < times; time += 1) {
    const { holder, key } = pickPlace(random, root);
    mutateAt(random, holder as Record<PropertyKey, unknown>, key);
  }
  return root.value;
}

/** Members further down are as likely as those above: the walk ends anywhere. */
function pickPlace(random: FuzzRandom, root: Container): { holder: Container; key: PropertyKey } {
  let holder: Container = root;
  let key: PropertyKey = "value";
  for (;;) {
    const inner: unknown = (holder as Record<PropertyKey, unknown>)[key];
    if (typeof inner !== "object" || inner === null) return { holder, key };
    const keys: string[] = Object.keys(inner);
    if (keys.length === 0 || (holder !== root && random.chance(0.3))) return { holder, key };
    if (holder === root && random.chance(0.05)) return { holder, key };
    holder = inner as Container;
    key = random.pick(keys);
  }
}

function mutateAt(random: FuzzRandom, holder: Record<PropertyKey, unknown>, key: PropertyKey): void {
  const value = holder[key];
  switch (random.below(8)) {
    case 0:
      if (key !== "value" || !Array.isArray(holder)) delete holder[key];
      break;
    case 1:
      holder[key] = [value];
      break;
    case 2:
      holder[key] = { [String(key)]: value };
      break;
    case 3:
      holder[key] = swapType(value);
      break;
    case 4:
      addMember(random, holder);
      break;
    case 5:
      holder[key] = typeof value === "string" ? mutateText(random, value) : hostileValue(random);
      break;
    default:
      holder[key] = hostileValue(random);
  }
}

function swapType(value: unknown): unknown {
  if (typeof value === "string") return /^-?\d{1,15}$/.test(value) ? Number(value) : value === "true";
  if (typeof value === "number") return String(value);
  if (typeof value === "boolean") return value ? 1 : "false";
  return Array.isArray(value) ? { ...value } : [value];
}

function addMember(random: FuzzRandom, holder: Record<PropertyKey, unknown>): void {
  const name = random.chance(0.5)
    ? hostileText(random)
    : random.pick(["sessionId", "status", "tenant", "did", "scopes"]);
  // As an own member, also when it is called __proto__.
  Object.defineProperty(holder, name, {
    value: hostileValue(random),
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** One text made wrong: cut, doubled, another letter, another case, another alphabet. */
export function mutateText(random: FuzzRandom, text: string): string {
  const at = random.below(text.length + 1);
  switch (random.below(7)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + hostileText(random).slice(0, 20) + text.slice(at);
    case 2:
      return text + text;
    case 3:
      return text.toUpperCase() === text ? text.toLowerCase() : text.toUpperCase();
    case 4:
      return text.slice(0, at) + String.fromCharCode(random.below(0x180)) + text.slice(at + 1);
    case 5:
      return ` ${text} `;
    default:
      return [...text]
        .map((letter) => (/[!-~]/.test(letter) ? String.fromCodePoint(letter.charCodeAt(0) + 0xfee0) : letter))
        .join("");
  }
}

/** The bytes of a JSON body made from a valid one: its structure mutated, then sometimes its text. */
export function mutateJson(random: FuzzRandom, value: unknown): Buffer {
  const text = writeJson(random.chance(0.85) ? mutateValue(random, value) : value);
  if (random.chance(0.65)) return Buffer.from(text);
  return mutateBytes(random, text);
}

function mutateBytes(random: FuzzRandom, text: string): Buffer {
  const at = random.below(text.length + 1);
  switch (random.below(13)) {
    case 0:
      // A member twice, and the second one says something else.
      return Buffer.from(
        text.replace(/^\{("(?:[^"\\]|\\.)*")/, (_all, name) => `{${name}:${writeJson(hostileValue(random))},${name}`),
      );
    case 1:
      return Buffer.from(text.replace("{", `{"__proto__":${writeJson(hostileValue(random))},`));
    case 2:
      return Buffer.from(text.slice(0, at));
    case 3:
      return Buffer.from(text + random.pick(["}", "]", ",", "x", " {}", "\u0000", text]));
    case 4:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]);
    case 5:
      return Buffer.from(text, "utf16le");
    case 6:
      return Buffer.concat([
        Buffer.from(text.slice(0, at)),
        random.bytes(1 + random.below(4)),
        Buffer.from(text.slice(at)),
      ]);
    case 7:
      return Buffer.from(text.replace(/"([^"\\]*)"(?=[,}])/, (_all, inner) => `"${inner}\\ud800"`));
    case 8:
      return Buffer.from(random.pick(["[", '{"a":', "[[{}],"]).repeat(random.pick([10, 1000, 2600])));
    case 9:
      return Buffer.from(text.replace("{", `{${" ".repeat(random.pick([100, 16_000, 17_000, 40_000]))}`));
    case 10:
      return Buffer.from(
        text.replaceAll(/[a-z]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`).replaceAll(/\\\\u/g, "\\u"),
      );
    case 11:
      return Buffer.from(text.replaceAll('"', "'"));
    default:
      return random.bytes(random.below(200));
  }
}
