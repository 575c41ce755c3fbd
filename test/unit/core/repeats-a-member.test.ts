import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { repeatsAMember } from "../../../core/json/repeats-a-member.ts";

const twice = (text: string) => repeatsAMember(text, JSON.parse(text));

describe("a member that is named twice", () => {
  test.each([
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"a":{"b":1,"b":1}}',
    '[{"a":1},{"b":[{"c":{},"c":{}}]}]',
    '{"":1,"":2}',
    '{"a\\"b":1,"a\\"b":2}',
    '{"__proto__":1,"__proto__":2}',
    '{"\\\\":1 , "\\\\" : 2}',
  ])("[D4] is seen in %s", (attacker) => {
    expect(twice(attacker)).toBe(true);
  });

  test.each([
    "{}",
    "[]",
    "null",
    '"a:b"',
    '{"a":":::"}',
    '{":":1,"::":2}',
    '{"a":"\\":\\"","b":"\\\\"}',
    '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}',
    '{"__proto__":1}',
    '{"a\\\\":"\\\\\\"","b":1}',
  ])("[D4] is not seen in %s", (text) => {
    expect(twice(text)).toBe(false);
  });

  test("[D4] is seen in no value that was written by JSON.stringify, however it is indented", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.integer({ min: 0, max: 3 }), (value, indent) => {
        expect(twice(JSON.stringify(value, null, indent))).toBe(false);
      }),
    );
  });

  test("[D4] is seen once one more is put into any object that has one", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.jsonValue(), (object, value) => {
        const name = JSON.stringify(Object.keys(object)[0]);
        expect(twice(JSON.stringify([object]).replace("{", () => `{${name}:${JSON.stringify(value)},`))).toBe(true);
      }),
    );
  });
});
