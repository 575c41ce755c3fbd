import type { CallStatus } from "../ledger/ledger-entry.ts";

export interface CallFacts {
  sid: string;
  accountSid: string;
  from: string;
  to: string;
  direction: "inbound" | "outbound-api";
  status: CallStatus;
  stirVerstat: string | undefined;
}

export const API_VERSION = "2010-04-01";

/**
 * The parameters that Twilio sends with every voice webhook: https://www.twilio.com/docs/voice/twiml#request-parameters
 * The places of a number are empty, as Twilio sends them when it does not know; a country is guessed for +1 only.
 */
export function describeCall(call: CallFacts): Record<string, string> {
  const { from, to } = call;
  return {
    CallSid: call.sid,
    AccountSid: call.accountSid,
    From: from,
    To: to,
    Caller: from,
    Called: to,
    CallStatus: call.status,
    ApiVersion: API_VERSION,
    Direction: call.direction,
    ...placesOf("From", from),
    ...placesOf("To", to),
    ...placesOf("Caller", from),
    ...placesOf("Called", to),
    ...(call.stirVerstat === undefined ? {} : { StirVerstat: call.stirVerstat }),
  };
}

function placesOf(prefix: string, number: string): Record<string, string> {
  return {
    [`${prefix}City`]: "",
    [`${prefix}State`]: "",
    [`${prefix}Zip`]: "",
    [`${prefix}Country`]: /^\+1\d{10}$/.test(number) ? "US" : "",
  };
}
