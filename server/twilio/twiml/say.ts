import type VoiceResponse from "twilio/lib/twiml/VoiceResponse.js";
import type { CodeSentence } from "../../../core/language/prompts.ts";
import { groupDigits, pausedDigits } from "../../../core/language/spoken-digits.ts";

/** A voice of Twilio's `<Say>` (https://www.twilio.com/docs/voice/twiml/say/text-speech). */
export interface TwilioVoice {
  name: NonNullable<VoiceResponse.SayAttributes["voice"]>;
  language: NonNullable<VoiceResponse.SayAttributes["language"]>;
  /** Amazon Polly and Google voices read SSML; Twilio's own `man`, `woman` and `alice` read plain text. */
  ssmlDigits: boolean;
}

/** What can hold a `<Say>`: the document, or a `<Gather>` that a key may interrupt. */
type Speaker = Pick<VoiceResponse, "say"> | Pick<VoiceResponse.Gather, "say">;

/** Slow enough to be typed along, in per cent of the voice's own pace. */
const digitRate = "85%";
const groupPause = "400ms";

/** Adds a `<Say>` with plain text. */
export function sayText(parent: Speaker, voice: TwilioVoice, text: string): void {
  parent.say({ voice: voice.name, language: voice.language }, text);
}

/**
 * Adds a `<Say>` with a code in its sentence, read digit by digit: as SSML digits, slowed down, a long code in groups
 * with a pause between them; or, for a voice without SSML, as digits with commas.
 */
export function sayCode(parent: Speaker, voice: TwilioVoice, code: { sentence: CodeSentence; did: string }): void {
  const { sentence, did } = code;
  if (!voice.ssmlDigits) {
    sayText(parent, voice, sentence.before + pausedDigits(did) + sentence.after);
    return;
  }
  const say = parent.say({ voice: voice.name, language: voice.language }, sentence.before);
  const slow = say.prosody({ rate: digitRate }, "");
  for (const [index, group] of groupDigits(did).entries()) {
    if (index > 0) slow.break({ time: groupPause });
    slow.sayAs({ "interpret-as": "digits" }, group);
  }
  say.addText(sentence.after);
}
