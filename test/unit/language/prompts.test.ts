import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Locale, locales } from "../../../core/language/locale.ts";
import { promptsFor } from "../../../core/language/prompts.ts";
import { groupDigits, pausedDigits, spacedDigits } from "../../../core/language/spoken-digits.ts";
import { spokenPrompts } from "../../../core/language/spoken-prompts.ts";
import { voiceFor } from "../../../core/language/voices.ts";

const did = fc.stringMatching(/^[0-9]{6,10}$/);
const sentences = (locale: Locale) =>
  Object.entries(promptsFor(locale)).map(([name, text]) =>
    typeof text === "string" ? { name, text } : { name, text: `${text.before}#${text.after}` },
  );

describe("prompts", () => {
  test("[C48] en-US is word for word what PROTOCOL §2 prints", () => {
    expect(spokenPrompts("en-US", "123456")).toEqual({
      speak: "Your verification code is 1 2 3 4 5 6.",
      loop: "Open the app and enter the code. Press 1 when done, or 0 to cancel.",
    });
  });

  test.each(locales)("[C48] %s has every prompt of en-US, none empty or with markup", (locale) => {
    expect(Object.keys(promptsFor(locale))).toEqual(Object.keys(promptsFor("en-US")));
    for (const { text } of sentences(locale)) {
      expect(text.trim()).toMatch(/[.。]$/);
      expect(text).not.toMatch(/[<>&{}$]|https?:|\s{2}/);
    }
  });

  test.each(locales)("[C48] %s names the keys 1 and 0, in this order, and no other", (locale) => {
    expect(promptsFor(locale).loop.match(/[0-9]/g)).toEqual(["1", "0"]);
  });

  test.each(locales)("[C48] %s has no digit of its own around the code", (locale) => {
    const { speak, repeat } = promptsFor(locale);
    expect([speak.before, speak.after, repeat.before, repeat.after].join("")).not.toMatch(/[0-9]/);
  });

  test.each(locales.filter((locale) => !locale.startsWith("en-")))("[C48] %s has no English left in it", (locale) => {
    const english =
      /\b(the|your|code is|press|open|enter|when|done|cancel|thank|please|hold|verified|sorry|goodbye)\b/i;
    const inEnglish = new Set(sentences("en-US").map(({ text }) => text));
    for (const { text } of sentences(locale)) {
      expect(text).not.toMatch(english);
      expect(inEnglish.has(text)).toBe(false);
    }
  });

  test("[C48] regions of one language are not copies of each other, and Japanese is written in Japanese", () => {
    for (const [one, other] of [
      ["es-US", "es-ES"],
      ["fr-FR", "fr-CA"],
      ["en-US", "en-GB"],
    ] as const) {
      expect(promptsFor(one).loop).not.toBe(promptsFor(other).loop);
    }
    for (const { text } of sentences("ja-JP")) expect(text).toMatch(/[\p{Script=Hiragana}\p{Script=Katakana}]/u);
  });

  test.each(locales)("[C48] %s speaks the digits of any code in order, one space between them", (locale) => {
    fc.assert(
      fc.property(did, (code) => {
        const { speak } = spokenPrompts(locale, code);
        expect(speak).toContain(spacedDigits(code));
        expect(speak.match(/[0-9]/g)?.join("")).toBe(code);
      }),
    );
  });
});

describe("spoken digits", () => {
  test("[F40] didSpoken has one space between digits and keeps leading zeros", () => {
    expect(spacedDigits("482913")).toBe("4 8 2 9 1 3");
    expect(spacedDigits("000001")).toBe("0 0 0 0 0 1");
    expect(pausedDigits("482913")).toBe("4, 8, 2, 9, 1, 3");
  });

  test.each([
    ["123456", ["123456"]],
    ["1234567", ["123", "4567"]],
    ["12345678", ["1234", "5678"]],
    ["123456789", ["123", "456", "789"]],
    ["1234567890", ["123", "456", "7890"]],
  ])("[C49] %s is spoken in groups", (code, groups) => {
    expect(groupDigits(code)).toEqual(groups);
  });

  test("[C49] groups lose and reorder nothing", () => {
    fc.assert(fc.property(did, (code) => groupDigits(code).join("") === code));
  });
});

describe("voices", () => {
  test.each(locales)("[C48] %s has a neural voice of its own that speaks it", (locale) => {
    const voice = voiceFor(locale);
    expect(voice.name).toMatch(/^Polly\.[A-Z][a-z]+-Neural$/);
    expect(voice.language).toBe(locale);
  });

  test("[C48] no two languages share a voice", () => {
    expect(new Set(locales.map((locale) => voiceFor(locale).name)).size).toBe(locales.length);
  });
});
