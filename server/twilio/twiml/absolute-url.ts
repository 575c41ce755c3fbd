import { CallsealError } from "../../../core/verification/errors.ts";

/**
 * The URL as given, if it is an absolute `http:` or `https:` one; throws `internal` otherwise. A relative URL in TwiML
 * that is sent with a call update is Twilio's error 15004 (https://www.twilio.com/docs/api/errors/15004), and one in a
 * fetched document would be resolved against whatever was fetched last.
 */
export function requireAbsoluteUrl(url: string): string {
  // A control character or space would be dropped by URL parsers but not by the XML around it.
  if (/^https?:\/\/[^\s\p{Cc}]+$/iu.test(url) && URL.canParse(url)) return url;
  throw new CallsealError("internal", { detail: "TwiML takes absolute http and https URLs only" });
}
