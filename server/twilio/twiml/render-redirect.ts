import VoiceResponse from "twilio/lib/twiml/VoiceResponse.js";
import { requireAbsoluteUrl } from "./absolute-url.ts";

/** A document that sends the call on to an absolute URL, fetched by POST. Throws `internal` for any other URL. */
export function renderRedirect(url: string): string {
  const response = new VoiceResponse();
  response.redirect({ method: "POST" }, requireAbsoluteUrl(url));
  return response.toString();
}
