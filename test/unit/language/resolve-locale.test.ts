import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { locales } from "../../../core/language/locale.ts";
import { resolveLocale } from "../../../core/language/resolve-locale.ts";

describe("the language of a call", () => {
  test.each(locales)("[C45] %s is served as itself, in any case and with any extension", (locale) => {
    for (const tag of [locale, locale.toLowerCase(), locale.toUpperCase(), `${locale}-u-nu-latn`, `${locale}-x-acme`]) {
      expect(resolveLocale(tag, "de-DE")).toBe(locale);
    }
  });

  test("[C45] lookup shortens the tag from its end", () => {
    expect(resolveLocale("en-GB-oxendict", "de-DE")).toBe("en-GB");
    expect(resolveLocale("fr-CA-u-ca-gregory-x-one-two", "de-DE")).toBe("fr-CA");
  });

  test.each([
    ["de-AT", "de-DE"],
    ["de-CH", "de-DE"],
    ["de", "de-DE"],
    ["pt-PT", "pt-BR"],
    ["it-CH", "it-IT"],
    ["ja", "ja-JP"],
    ["fr-BE", "fr-FR"],
    ["fr", "fr-FR"],
    ["es", "es-ES"],
    ["es-MX", "es-US"],
    ["es-419", "es-US"],
    ["es-AR", "es-US"],
    ["en", "en-US"],
    ["en-CA", "en-US"],
    ["en-AU", "en-GB"],
    ["en-IE", "en-GB"],
    ["en-Latn-GB", "en-GB"],
  ])("[C46] %s is served in its own language as %s", (requested, served) => {
    expect(resolveLocale(requested, "nl-NL")).toBe(served);
  });

  test("[C46] a bare language takes the tenant's own region of it", () => {
    expect(resolveLocale("fr", "fr-CA")).toBe("fr-CA");
    expect(resolveLocale("es", "es-US")).toBe("es-US");
    expect(resolveLocale("en", "en-GB")).toBe("en-GB");
    expect(resolveLocale("es-MX", "es-ES")).toBe("es-US");
  });

  test.each(["nl", "nl-NL", "zh-Hant-TW", "ca", "ca-ES", "gl", "lb", "gsw", "und", "und-DE", "mul", "tlh", "xx-YY"])(
    "[C45] %s is not spoken, so the tenant's default is",
    (requested) => {
      expect(resolveLocale(requested, "it-IT")).toBe("it-IT");
    },
  );

  test("[C45] an absent tag is the tenant's default, itself resolved, and at last en-US", () => {
    expect(resolveLocale(undefined, "ja-JP")).toBe("ja-JP");
    expect(resolveLocale(undefined, "de-AT")).toBe("de-DE");
    expect(resolveLocale(undefined, "nl-NL")).toBe("en-US");
    expect(resolveLocale("nl", "kl-GL")).toBe("en-US");
    expect(resolveLocale(undefined, "")).toBe("en-US");
    expect(resolveLocale(undefined, "not a tag")).toBe("en-US");
  });

  const attacker = [
    "",
    " ",
    "-",
    "e",
    "en-",
    "-en",
    "en_US",
    "en--US",
    " de-DE",
    "de-DE ",
    "de-DE\n",
    "de-DE,en;q=0.5",
    "*",
    "de-*",
    "i-klingon",
    "x-acme",
    "12",
    "dé-DE",
    "ｄｅ-DE",
    "de-DE\u0000",
    "__proto__",
    "constructor",
    "../../etc/passwd",
    "<Say>",
    "{}",
    "de-DE-DE-DE",
    `de-DE-x-${"a".repeat(8)}`.padEnd(20_000, "-aaaaaaaa"),
    "a".repeat(100_000),
  ];
  test.each(attacker)("[C47] malformed tag %# is the tenant's default", (requested) => {
    expect(resolveLocale(requested, "fr-CA")).toBe("fr-CA");
    expect(resolveLocale(undefined, requested)).toBe("en-US");
  });

  test("[C47] no text throws or leaves the list", () => {
    const subtag = fc.stringMatching(/^[A-Za-z0-9]{0,9}$/);
    const tagLike = fc.array(subtag, { minLength: 1, maxLength: 6 }).map((subtags) => subtags.join("-"));
    fc.assert(
      fc.property(fc.oneof(tagLike, fc.string({ unit: "binary" })), fc.oneof(tagLike, fc.string()), (tag, fallback) =>
        locales.includes(resolveLocale(tag, fallback)),
      ),
      { numRuns: 1000 },
    );
  });
});
