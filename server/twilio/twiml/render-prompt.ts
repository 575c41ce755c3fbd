import VoiceResponse from "twilio/lib/twiml/VoiceResponse.js";
import type { Locale } from "../../../core/language/locale.ts";
import { promptsFor } from "../../../core/language/prompts.ts";
import { voiceFor } from "../../../core/language/voices.ts";
import { requireAbsoluteUrl } from "./absolute-url.ts";
import { sayCode, sayText, type TwilioVoice } from "./say.ts";

/** Twilio's own default, and short enough that a caller whose push was lost is not left in silence. */
const gatherSeconds = 5;

export interface PromptInput {
  locale: Locale;
  /** 6 to 10 digits. */
  did: string;
  /** Absolute; asked with the key as `Digits`, or without it when no key was pressed. */
  waitUrl: string;
  /** How often this caller has heard the code already. Default 0, the first time: then it is said twice. */
  heard?: number;
  /** Seconds until the session expires; the silence after the last word is never longer. Default: no limit. */
  remainingSeconds?: number;
  /** Default: the language's own voice. */
  voice?: TwilioVoice;
}

/**
 * The document that speaks a code and waits for a key (PROTOCOL §3, `/prompt`). Every word is inside the `<Gather>`, so
 * a key counts from the first word on and ends the speech; Twilio starts to count `timeout` when the last word is over
 * (https://www.twilio.com/docs/voice/twiml/gather). Without a key the call goes on to the `<Redirect>`.
 * Throws `internal` for a URL that is not absolute.
 */
export function renderPrompt(input: PromptInput): string {
  const { locale, did, heard = 0, voice = voiceFor(locale) } = input;
  const waitUrl = requireAbsoluteUrl(input.waitUrl);
  const prompts = promptsFor(locale);
  const response = new VoiceResponse();
  const gather = response.gather({
    input: ["dtmf"],
    numDigits: 1,
    timeout: gatherTimeoutSeconds(input.remainingSeconds),
    action: waitUrl,
    method: "POST",
  });
  if (heard === 0) {
    sayCode(gather, voice, { sentence: prompts.speak, did });
    gather.pause({ length: 1 });
  }
  sayCode(gather, voice, { sentence: prompts.repeat, did });
  sayText(gather, voice, prompts.loop);
  response.redirect({ method: "POST" }, waitUrl);
  return response.toString();
}

function gatherTimeoutSeconds(remainingSeconds = gatherSeconds): number {
  return Math.max(1, Math.min(gatherSeconds, Math.floor(remainingSeconds)));
}
