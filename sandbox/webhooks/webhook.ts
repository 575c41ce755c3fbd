import type { CallStatus, WebhookPurpose } from "../ledger/ledger-entry.ts";
import type { HttpMethod } from "../twiml/twiml.ts";
import type { ConnectionSettings } from "./connection-overrides.ts";

/** One request that Twilio owes a customer's server. */
export interface Webhook {
  callSid: string;
  callStatus: CallStatus;
  accountSid: string;
  purpose: WebhookPurpose;
  /** May carry connection overrides in its fragment. */
  url: string;
  method: HttpMethod;
  parameters: Record<string, string>;
}

/** A webhook on its way, over all its tries. */
export interface Delivery extends Webhook {
  settings: ConnectionSettings;
  idempotencyToken: string;
  /** `performance.now()` at which the time for all tries is over. */
  deadline: number;
}
