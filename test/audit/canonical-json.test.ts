import { describe, expect, test } from "vitest";
import { hashRecord } from "../../core/audit/audit-record.ts";
import { canonicalJson } from "../../core/audit/canonical-json.ts";
import { formatExportLine, parseExportLine } from "../../core/audit/export-line.ts";
import { parseAnchor } from "../../core/audit/parse-anchor.ts";

describe("canonical JSON", () => {
  test("[A8] is the example of RFC 8785 §3.2.2 and §3.2.3", () => {
    const text = `{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
      "literals": [null, true, false]
    }`;
    expect(canonicalJson(JSON.parse(text))).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  test("[A8] sorts names by UTF-16 code units, as in RFC 8785 §3.2.3", () => {
    const names = ["\u20ac", "\r", "\ufb33", "1", "\ud83d\ude00", "\u0080", "\u00f6"];
    const sorted = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\ud83d\ude00", "\ufb33"];
    const text = canonicalJson(Object.fromEntries(names.map((name) => [name, 1])));
    expect(Object.keys(JSON.parse(text)).toSorted()).toEqual(sorted);
    expect([...text.matchAll(/"((?:[^"\\]|\\.)*)":/g)].map(([, name]) => JSON.parse(`"${name}"`))).toEqual(sorted);
  });

  test.each([
    ["-0", "0"],
    ['{"b":{"d":1,"c":2},"a":[]}', '{"a":[],"b":{"c":2,"d":1}}'],
    ['{"__proto__":{"x":1},"constructor":2}', '{"__proto__":{"x":1},"constructor":2}'],
    ['"\\ud800"', '"\\ud800"'],
    ["1e400", "null"],
  ])("[A8] %s is written as %s", (attacker, expected) => {
    expect(canonicalJson(JSON.parse(attacker))).toBe(expected);
  });
});

const event = '{"id":"1-0-3","type":"degraded"}';
const content = { partition: 3, sequence: 1, previous: "", event };
const record = { ...content, eventId: "1-0-3", hash: hashRecord(content) };
const line = formatExportLine(record);

describe("a line of an export", () => {
  test("[A13] is read back as it was written", () => {
    expect(parseExportLine(line)).toEqual({ kind: "record", record });
  });

  test.each([
    ["", "unreadable"],
    ["null", "unreadable"],
    ["[]", "unreadable"],
    ["{}", "unreadable"],
    ["[".repeat(100_000), "unreadable"],
    ["[".repeat(100_000) + "]".repeat(100_000), "unreadable"],
    [line.slice(0, -1), "unreadable"],
    [`${line}${line}`, "unreadable"],
    [line.replace('"partition":3', '"partition":-1'), "unreadable"],
    [line.replace('"partition":3', '"partition":"3"'), "unreadable"],
    [line.replace('"partition":3', '"partition":4096'), "unreadable"],
    [line.replace('"sequence":1', '"sequence":0'), "unreadable"],
    [line.replace('"sequence":1', '"sequence":1.5'), "unreadable"],
    [line.replace('"sequence":1', '"sequence":1e300'), "unreadable"],
    [line.replace(record.hash, "A".repeat(64)), "unreadable"],
    [line.replace(event, "[]"), "unreadable"],
    [line.replace('"sequence":1', '"sequence":1,"x":1'), "unreadable"],
    [line.replace(event, '{"id":"1-0-3","type":"confirmed","type":"degraded"}'), "altered"],
    [line.replace(":", " :"), "altered"],
    [` ${line}`, "altered"],
    [line.replace("degraded", "\\u0064egraded"), "altered"],
    [line.replace('"sequence":1', '"sequence":1.0'), "altered"],
  ])("[A13] %s is none", (attacker, kind) => {
    expect(parseExportLine(attacker).kind).toBe(kind);
  });
});

describe("an anchored end of a chain", () => {
  test("[A12] names its partition, its hash and, when it is known, its sequence", () => {
    const hash = "a".repeat(64);
    expect(parseAnchor(`p3=${hash}`)).toEqual({ partition: 3, hash });
    expect(parseAnchor(`p15=120:${hash}`)).toEqual({ partition: 15, sequence: 120, hash });
  });

  test.each([
    "",
    "p",
    "p3",
    "3=x",
    `p3=${"A".repeat(64)}`,
    `p3=0:${"a".repeat(64)}`,
    `p3=:${"a".repeat(64)}`,
    `p-1=${"a".repeat(64)}`,
    `p3=${"a".repeat(63)}`,
    `p3=${"a".repeat(65)}`,
    ` p3=${"a".repeat(64)}`,
    `p99999=${"a".repeat(64)}`,
  ])("[A12] %j is none", (attacker) => {
    expect(parseAnchor(attacker)).toBeUndefined();
  });
});
