/** The languages that a caller can hear. `en-US` comes first: it is the one that is left when nothing else matches. */
export const locales = [
  "en-US",
  "en-GB",
  "es-US",
  "es-ES",
  "fr-FR",
  "fr-CA",
  "de-DE",
  "pt-BR",
  "it-IT",
  "ja-JP",
] as const;

/** One of the supported languages, as a BCP 47 tag. */
export type Locale = (typeof locales)[number];
