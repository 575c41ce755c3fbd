import VoiceResponse from "twilio/lib/twiml/VoiceResponse.js";
import type { Locale } from "../../../core/language/locale.ts";
import { promptsFor } from "../../../core/language/prompts.ts";
import { voiceFor } from "../../../core/language/voices.ts";
import { sayText } from "./say.ts";

/** Tells the caller that they are verified, then ends the call: for a tenant without a `successUrl` (PROTOCOL §10). */
export function renderVerified(locale: Locale): string {
  const prompts = promptsFor(locale);
  const voice = voiceFor(locale);
  const response = new VoiceResponse();
  sayText(response, voice, prompts.verified);
  sayText(response, voice, prompts.goodbye);
  response.hangup();
  return response.toString();
}
