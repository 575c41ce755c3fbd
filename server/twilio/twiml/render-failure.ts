import VoiceResponse from "twilio/lib/twiml/VoiceResponse.js";
import type { Locale } from "../../../core/language/locale.ts";
import { type Prompts, promptsFor } from "../../../core/language/prompts.ts";
import { voiceFor } from "../../../core/language/voices.ts";
import { sayText } from "./say.ts";

/** Why a caller was not verified, as in the `reason` of a failure URL (PROTOCOL §3). */
export type FailureReason = "timeout" | "canceled" | "denied" | "unavailable";

type PlainPrompt = Exclude<keyof Prompts, "speak" | "repeat">;

/** A caller who canceled, and one whom nobody could check, is not told that the check failed. */
const sentences: Record<FailureReason, PlainPrompt[]> = {
  timeout: ["timedOut", "notVerified"],
  canceled: ["canceled"],
  denied: ["denied", "notVerified"],
  unavailable: ["unavailable"],
};

/** Tells the caller why they are not verified, then ends the call: for a tenant without a `failureUrl`. */
export function renderFailure(locale: Locale, reason: FailureReason): string {
  const prompts = promptsFor(locale);
  const voice = voiceFor(locale);
  const response = new VoiceResponse();
  for (const name of sentences[reason]) sayText(response, voice, prompts[name]);
  sayText(response, voice, prompts.goodbye);
  response.hangup();
  return response.toString();
}
