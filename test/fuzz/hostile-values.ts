import type { FuzzRandom } from "./random.ts";

/** Texts that parsers, stores, logs and browsers have stumbled over. */
const texts: readonly string[] = [
  "",
  " ",
  "\t\r\n",
  "\u0000",
  "a\u0000b",
  "0",
  "-1",
  "1e9",
  "null",
  "undefined",
  "true",
  "NaN",
  "[object Object]",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "valueOf",
  "then",
  "../../../../etc/passwd",
  "..%2f..%2f",
  "%00",
  "%",
  "%zz",
  "\ud800",
  "x\udfff",
  "\udc00\ud800",
  "\ufeff",
  "\u202eabc",
  "\u2028",
  "e\u0301",
  "\ufdfa".repeat(18),
  "👩‍👩‍👧‍👦",
  "😀".repeat(70),
  "１２３４５６",
  "٣٤٥٦٧٨",
  "İ",
  "ß".repeat(129),
  "a".repeat(64),
  "a".repeat(65),
  "a".repeat(128),
  "a".repeat(129),
  "a".repeat(257),
  "a".repeat(5000),
  "1".repeat(400),
  "123456",
  "000000",
  "12345678901234567890",
  "+14155550123",
  "+0",
  "+",
  "+4930123456789012",
  "x\r\nSet-Cookie: a=b",
  "*\r\n$8\r\nFLUSHALL\r\n",
  "' OR '1'='1",
  "{{7*7}}<%= 7 %>",
  "<script>alert(1)</script>",
  "<Response><Hangup/></Response>",
  "]]>",
  "&amp;&#0;",
  "(a+)+$",
  "http://169.254.169.254/",
  "file:///etc/passwd",
  "javascript:alert(1)",
  "-----BEGIN PRIVATE KEY-----",
  "eyJhbGciOiJub25lIn0..",
  `csn_${"A".repeat(22)}_1`,
  `csn_${"A".repeat(22)}_999999999`,
  `csn_${"A".repeat(22)}_0`,
  `zid_${"A".repeat(22)}`,
  "suid_x",
  "{p0}",
  "x:y|z",
];

/** Numbers as they are written in JSON; some of them no reader can hold. */
const numberTexts: readonly string[] = [
  "0",
  "-0",
  "-1",
  "1.5",
  "1e5",
  "1e400",
  "-1e400",
  "1e-400",
  "9007199254740993",
  "-9223372036854775809",
  "2147483648",
  "4294967296",
  "0.1e-7",
  "9".repeat(500),
];

/** Texts that are no JSON where a value should stand. */
const notJson: readonly string[] = [
  "NaN",
  "Infinity",
  "0x10",
  "01",
  "+1",
  ".5",
  "undefined",
  "'x'",
  "tru",
  "",
  "1_000",
];

const marker = "\u0001raw:";

/** Whether a text is one of those that are sent as they are. */
export function isHostileText(text: string): boolean {
  return texts.includes(text);
}

/** A text of `hostile-values.ts`, sometimes one that is drawn from all of Unicode. */
export function hostileText(random: FuzzRandom): string {
  if (random.chance(0.8)) return random.pick(texts);
  return Array.from({ length: random.below(40) }, () =>
    random.chance(0.1)
      ? String.fromCharCode(0xd800 + random.below(0x800))
      : String.fromCodePoint(random.below(0x10ffff)),
  ).join("");
}

/** A value for a place in a JSON document. What JSON.stringify cannot write is a marker that `writeJson` resolves. */
export function hostileValue(random: FuzzRandom): unknown {
  switch (random.below(9)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return `${marker}${random.pick(numberTexts)}`;
    case 3:
      return random.chance(0.2) ? `${marker}${random.pick(notJson)}` : random.below(1000) - 10;
    case 4:
      return Array.from({ length: random.below(4) }, () => hostileText(random));
    case 5:
      return { [hostileText(random)]: hostileText(random) };
    case 6:
      return nested(random);
    default:
      return hostileText(random);
  }
}

function nested(random: FuzzRandom): unknown {
  const levels = random.pick([3, 20, 200, 2000]);
  let value: unknown = random.below(10);
  const asArray = random.chance(0.5);
  for (let level = 0; level < levels; level += 1) value = asArray ? [value] : { a: value };
  return value;
}

const markers = new RegExp(`"${JSON.stringify(marker).slice(1, -1).replace("\\", "\\\\")}((?:[^"\\\\]|\\\\.)*)"`, "g");

/** JSON text of a document with markers in it: what they stand for is written as it is. */
export function writeJson(value: unknown): string {
  return (JSON.stringify(value) ?? "").replace(markers, (_whole, raw: string) => raw);
}
