import type { Locale } from "./locale.ts";

/** How a text-to-speech engine is asked for one language. */
export interface Voice {
  /** The provider's name of the voice. */
  name: string;
  /** The provider's code of the language. */
  language: string;
  /** The voice reads `<say-as interpret-as="digits">`; without it digits are written apart. */
  ssmlDigits: boolean;
}

/**
 * A neural voice for each language. The names are the ones that Twilio offers for `<Say voice>`
 * (https://www.twilio.com/docs/voice/twiml/say/text-speech, and the `SayVoice` type of the `twilio` package, against
 * which they are compiled). Amazon Polly's neural voices read `say-as` as digits; only `characters` and `spell-out`
 * make them fall back to a standard voice (https://docs.aws.amazon.com/polly/latest/dg/say-as-tag.html).
 */
const voices = {
  "en-US": { name: "Polly.Joanna-Neural", language: "en-US", ssmlDigits: true },
  "en-GB": { name: "Polly.Amy-Neural", language: "en-GB", ssmlDigits: true },
  "es-US": { name: "Polly.Lupe-Neural", language: "es-US", ssmlDigits: true },
  "es-ES": { name: "Polly.Lucia-Neural", language: "es-ES", ssmlDigits: true },
  "fr-FR": { name: "Polly.Lea-Neural", language: "fr-FR", ssmlDigits: true },
  "fr-CA": { name: "Polly.Gabrielle-Neural", language: "fr-CA", ssmlDigits: true },
  "de-DE": { name: "Polly.Vicki-Neural", language: "de-DE", ssmlDigits: true },
  "pt-BR": { name: "Polly.Camila-Neural", language: "pt-BR", ssmlDigits: true },
  "it-IT": { name: "Polly.Bianca-Neural", language: "it-IT", ssmlDigits: true },
  "ja-JP": { name: "Polly.Kazuha-Neural", language: "ja-JP", ssmlDigits: true },
} as const satisfies Record<Locale, Voice>;

/** The voice that speaks a language. */
export function voiceFor(locale: Locale): (typeof voices)[Locale] {
  return voices[locale];
}
