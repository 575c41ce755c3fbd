import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maskNumber } from "../../../core/verification/mask-number.ts";

describe("a masked phone number", () => {
  test("[C44] keeps the first two characters and the last two digits", () => {
    expect(maskNumber("+14155550000")).toBe("+1********00");
    expect(maskNumber("+442071838750")).toBe("+4*********50");
    expect(maskNumber("+4912345678901")).toBe("+4**********01");
  });

  test("[C44] an absent number stays absent", () => {
    expect(maskNumber(undefined)).toBeUndefined();
  });

  test("[C44] at least five digits of an E.164 number are hidden", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\+[1-9][0-9]{7,14}$/), (number) => {
        const masked = maskNumber(number);
        expect(masked).toHaveLength(number.length);
        expect(masked.slice(2, -2)).toMatch(/^\*{5,}$/);
      }),
    );
  });

  const attacker = [
    "",
    "+",
    "+1",
    "+1415555",
    "14155550000",
    "(415) 555-0000",
    "+1 415 555 0000",
    "+1-415-555-0000",
    "+14155550000\n",
    "+14155550000;ext=5",
    "sip:+14155550000@example.com",
    "client:alice",
    "anonymous",
    "+01234567890",
    "+1415555000a",
    "＋14155550000",
    "+".repeat(100_000),
    "9".repeat(100_000),
  ];
  test.each(attacker)("[C44] odd number %# is hidden whole", (number) => {
    expect(maskNumber(number)).toBe("****");
  });

  test("[C44] no text lets more than three of its own digits through", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[+0-9 ()-]{0,24}$/)), (text) => {
        expect(maskNumber(text).replace(/[^0-9]/g, "").length).toBeLessThanOrEqual(3);
      }),
    );
  });
});
