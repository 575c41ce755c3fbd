import VoiceResponse from "twilio/lib/twiml/VoiceResponse.js";
import type { Locale } from "../../../core/language/locale.ts";
import { promptsFor } from "../../../core/language/prompts.ts";
import { voiceFor } from "../../../core/language/voices.ts";
import { requireAbsoluteUrl } from "./absolute-url.ts";
import { renderFailure } from "./render-failure.ts";
import { sayText } from "./say.ts";

/**
 * Tells the caller that nobody can be verified now, and sends the call on to `nextUrl`: the failure URL under
 * `fail-closed`, the tenant's unverified path under `fail-open` (PROTOCOL §6, `degraded`). Without `nextUrl` the call
 * ends after a goodbye. Throws `internal` for a URL that is not absolute.
 */
export function renderUnavailable(locale: Locale, nextUrl?: string): string {
  if (nextUrl === undefined) return renderFailure(locale, "unavailable");
  const prompts = promptsFor(locale);
  const voice = voiceFor(locale);
  const response = new VoiceResponse();
  sayText(response, voice, prompts.unavailable);
  sayText(response, voice, prompts.pleaseHold);
  response.redirect({ method: "POST" }, requireAbsoluteUrl(nextUrl));
  return response.toString();
}
