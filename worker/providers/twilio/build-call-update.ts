import { withQuery } from "../../../core/http/with-query.ts";
import type { TwilioSettings } from "../../../core/tenants/tenant.ts";

/** Twilio refuses a longer inline document (error 32018). */
const MAX_TWIML_CHARACTERS = 4000;

export interface CallUpdateInput {
  settings: Extract<TwilioSettings, { mode: "direct" }>;
  /** The gateway's. */
  origin: string;
  sessionId: string;
  receipt: string;
}

/**
 * Makes the form of Twilio's UpdateCall that sends the live call on (PROTOCOL §5): `Url`, or `Twiml` when the tenant
 * wants the document inline and it is short enough. Every URL in it is absolute (error 15004).
 */
export function buildCallUpdate(input: CallUpdateInput): URLSearchParams {
  const { settings, sessionId, receipt } = input;
  const verified = settings.successUrl && withQuery(settings.successUrl, { sid: sessionId, receipt });
  const straight = settings.interceptTarget === "tenant" && verified !== undefined;
  const target = straight ? verified : withQuery(`${gatewayOf(input)}/ivr/verify/success`, { sid: sessionId });
  if (settings.interceptWith === "twiml") {
    const twiml = redirectDocument(target);
    if (twiml.length <= MAX_TWIML_CHARACTERS) return new URLSearchParams({ Twiml: twiml });
  }
  // Without a FallbackUrl a failed fetch of Url ends the caller's call (error 11200). When the gateway cannot be
  // fetched, the tenant's own page still can, and it checks the receipt; when that page fails, its failure page is next.
  const fallback = straight || verified === undefined ? unverifiedUrl(input) : verified;
  return new URLSearchParams({ Url: target, Method: "POST", FallbackUrl: fallback, FallbackMethod: "POST" });
}

function unverifiedUrl(input: CallUpdateInput): string {
  const { settings, sessionId } = input;
  if (settings.failureUrl) return withQuery(settings.failureUrl, { sid: sessionId, reason: "unavailable" });
  return withQuery(`${gatewayOf(input)}/ivr/verify/failure`, { sid: sessionId });
}

function gatewayOf({ origin }: CallUpdateInput): string {
  return origin.replace(/\/+$/, "");
}

function redirectDocument(url: string): string {
  const text = url.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<?xml version="1.0" encoding="UTF-8"?><Response><Redirect method="POST">${text}</Redirect></Response>`;
}
