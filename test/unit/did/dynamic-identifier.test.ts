import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dammCheckDigit } from "../../../core/verification/damm.ts";
import {
  didSpace,
  drawDid,
  hasValidCheckDigit,
  isDidShape,
  mostLiveCodes,
} from "../../../core/verification/dynamic-identifier.ts";

const digitsOnly = (least: number, most: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: least, maxLength: most }).map((digits) => digits.join(""));
const checkedCode = digitsOnly(5, 9).map((body) => body + dammCheckDigit(body));

describe("drawing a DID", () => {
  const formats = [6, 7, 8, 9, 10].flatMap((digits) => [true, false].map((checkDigit) => ({ digits, checkDigit })));

  test.each(formats)("[C40] a DID of $digits digits (check digit $checkDigit) has its length and shape", (format) => {
    for (let i = 0; i < 500; i += 1) {
      const did = drawDid(format);
      expect(did).toHaveLength(format.digits);
      expect(isDidShape(did)).toBe(true);
      if (format.checkDigit) expect(hasValidCheckDigit(did)).toBe(true);
    }
  });

  test("[C40] every digit is equally likely in every place, leading zeros included", () => {
    const draws = 60_000;
    const seen = Array.from({ length: 6 }, () => new Array<number>(10).fill(0));
    for (let i = 0; i < draws; i += 1) {
      const did = drawDid({ digits: 6, checkDigit: false });
      for (const [place, digit] of [...did].entries()) seen[place]![Number(digit)]! += 1;
    }
    const expected = draws / 10;
    for (const counts of seen) {
      const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      // 9 degrees of freedom: 60 is passed by chance once in about 10^9 runs.
      expect(chiSquare).toBeLessThan(60);
    }
  });

  test("[C40] draws do not repeat more often than chance allows", () => {
    const draws = Array.from({ length: 2000 }, () => drawDid({ digits: 10, checkDigit: false }));
    // 2000 of 10^10: one repeat has a chance of 2 in 10 000, three of about 10^-12.
    expect(new Set(draws).size).toBeGreaterThan(1997);
  });

  test.each([5, 11, 0, -6, 6.5, Number.NaN, Number.POSITIVE_INFINITY])("a format of %s digits is refused", (digits) => {
    expect(() => drawDid({ digits, checkDigit: false })).toThrow(expect.objectContaining({ code: "internal" }));
    expect(() => didSpace(digits, true)).toThrow(expect.objectContaining({ code: "internal" }));
  });

  test("the space is 10^digits, and a tenth of it with a check digit", () => {
    expect(didSpace(6, false)).toBe(1_000_000);
    expect(didSpace(6, true)).toBe(100_000);
    expect(didSpace(10, false)).toBe(10_000_000_000);
  });
});

test.each([
  [6, false, 1000],
  [6, true, 100],
  [7, false, 10_000],
  [10, true, 1_000_000],
])("[C41] of codes of %i digits (check digit %s), %i may be live at once", (digits, checkDigit, most) => {
  expect(mostLiveCodes(digits, checkDigit)).toBe(most);
});

describe("the Damm check digit", () => {
  test("572 has the check digit 4", () => {
    expect(dammCheckDigit("572")).toBe("4");
  });

  test("[C42] every single wrong digit is caught", () => {
    fc.assert(
      fc.property(checkedCode, fc.nat(), fc.integer({ min: 1, max: 9 }), (code, at, shift) => {
        const place = at % code.length;
        const wrong = (Number(code[place]) + shift) % 10;
        return !hasValidCheckDigit(code.slice(0, place) + wrong + code.slice(place + 1));
      }),
      { numRuns: 5000 },
    );
  });

  test("[C42] every swap of two different neighbours is caught", () => {
    fc.assert(
      fc.property(checkedCode, fc.nat(), (code, at) => {
        const place = at % (code.length - 1);
        fc.pre(code[place] !== code[place + 1]);
        const swapped = code.slice(0, place) + code[place + 1] + code[place] + code.slice(place + 2);
        return !hasValidCheckDigit(swapped);
      }),
      { numRuns: 5000 },
    );
  });

  test("[C42] one code in ten of any length is valid, and only with its own last digit", () => {
    fc.assert(
      fc.property(digitsOnly(5, 9), (body) => {
        const valid = [..."0123456789"].filter((digit) => hasValidCheckDigit(body + digit));
        expect(valid).toEqual([dammCheckDigit(body)]);
      }),
    );
  });
});

describe("the shape of a DID", () => {
  test.each(["000000", "123456", "1234567", "12345678", "123456789", "0123456789"])("%s is a DID", (text) => {
    expect(isDidShape(text)).toBe(true);
  });

  const attacker: unknown[] = [
    "",
    "12345",
    "12345678901",
    " 123456",
    "123456 ",
    "123456\n",
    "123 456",
    "123-456",
    "12345a",
    "+123456",
    "-123456",
    "1e5555",
    "0x1234",
    "12345.6",
    "１２３４５６",
    "١٢٣٤٥٦",
    "123456\u0000",
    "9".repeat(100_000),
    123456,
    ["123456"],
    { toString: () => "123456" },
    null,
    undefined,
  ];
  test.each(attacker.map((text) => [text]))("[C43] text %# is not a DID and has no valid check digit", (text) => {
    expect(isDidShape(text)).toBe(false);
    expect(hasValidCheckDigit(text)).toBe(false);
  });
});
