import type { Locale } from "./locale.ts";
import { promptsFor } from "./prompts.ts";
import { spacedDigits } from "./spoken-digits.ts";

/** The prompts of a session as plain text for any platform's own text-to-speech (PROTOCOL §2, `prompts`). */
export interface SpokenPrompts {
  speak: string;
  loop: string;
}

/** The two prompts of a session in a language, the code's digits apart so that no engine reads them as one number. */
export function spokenPrompts(locale: Locale, did: string): SpokenPrompts {
  const { speak, loop } = promptsFor(locale);
  return { speak: speak.before + spacedDigits(did) + speak.after, loop };
}
