import { match } from "@formatjs/intl-localematcher";
import { type Locale, locales } from "./locale.ts";

/** No tag that a person or platform uses comes near this length; RFC 5646 §4.4.1 asks for buffers of at least 35. */
const longestTag = 100;

/**
 * The language in which a caller hears the prompts, out of a requested BCP 47 tag and the tenant's default.
 *
 * 1. RFC 4647 §3.4 lookup: the tag, shortened from its end (`en-GB-oxendict` is `en-GB`; case does not matter).
 * 2. Where lookup finds nothing, another region of the same language, because a caller who asks for `de-AT` is served
 *    by German and not by the tenant's English: a bare language (`fr`) takes the tenant's default if that speaks it,
 *    anything else the nearest by CLDR's language distance (`es-MX` is `es-US`, `en-AU` is `en-GB`). RFC 4647 §3.4.1
 *    leaves the choice of a default to the application; this is ours. A related language is never taken (`ca`, `gl`).
 * 3. Else the tenant's default, resolved in the same way, and at last `en-US`.
 *
 * A malformed tag (`en_US`, `*`, an empty string) counts as absent. Never throws.
 */
export function resolveLocale(requested: string | undefined, tenantDefault: string): Locale {
  const fallback = nearest(tenantDefault, "en-US");
  return requested === undefined ? fallback : nearest(requested, fallback);
}

function nearest(tag: string, fallback: Locale): Locale {
  if (isLocale(tag)) return tag;
  const asked = parseTag(tag);
  if (asked === undefined) return fallback;
  const found = match([asked.toString()], locales, "", { algorithm: "lookup" });
  if (isLocale(found)) return found;
  if (!locales.some((locale) => languageOf(locale) === asked.language)) return fallback;
  if (asked.region === undefined && languageOf(fallback) === asked.language) return fallback;
  // Language and region alone: the matcher keeps every tag that it has seen, and there are few of these.
  const reduced = asked.region === undefined ? asked.language : `${asked.language}-${asked.region}`;
  const near = match([reduced], locales, fallback, { algorithm: "best fit" });
  return isLocale(near) ? near : fallback;
}

function parseTag(tag: string): Intl.Locale | undefined {
  if (tag.length > longestTag) return undefined;
  try {
    return new Intl.Locale(tag);
  } catch {
    return undefined;
  }
}

function isLocale(tag: string): tag is Locale {
  return locales.some((locale) => locale === tag);
}

function languageOf(locale: Locale): string {
  return locale.slice(0, locale.indexOf("-"));
}
