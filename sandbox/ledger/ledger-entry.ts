import type { FaultKind, FaultTarget } from "../faults/fault-plan.ts";

export type CallStatus =
  | "queued"
  | "initiated"
  | "ringing"
  | "in-progress"
  | "completed"
  | "busy"
  | "failed"
  | "no-answer"
  | "canceled";

/** Why a call ended: the caller, the IVR's TwiML, the REST API, an error of the IVR, or the sandbox itself. */
export type EndReason =
  | "caller_hung_up"
  | "hangup_verb"
  | "document_finished"
  | "rejected"
  | "ended_by_api"
  | "application_error"
  | "runaway"
  | "cloud_closed";

/** What a webhook was sent for. */
export type WebhookPurpose =
  | "voice"
  | "gather_action"
  | "redirect"
  | "call_update"
  | "fallback"
  | "interrupted_verb"
  | "status_callback";

interface OfCall {
  callSid: string;
}

/** URLs in entries carry `receipt=…` instead of the value of a `receipt` query parameter. */
interface OfWebhook extends OfCall {
  purpose: WebhookPurpose;
  method: "GET" | "POST";
  url: string;
  /** 1 for the first try. */
  attempt: number;
  idempotencyToken: string;
}

/** Everything that the voice cloud did or saw, one variant a type. */
export type LedgerEvent =
  | (OfCall & {
      type: "call.placed";
      accountSid: string;
      direction: "inbound" | "outbound-api";
      to: string;
      from: string;
    })
  | (OfCall & { type: "call.status"; status: CallStatus })
  | (OfCall & { type: "call.ended"; status: CallStatus; reason: EndReason; durationMs: number })
  | (OfCall & { type: "call.updated"; with: "url" | "twiml" | "status"; url?: string; interrupted?: string })
  | (OfCall & { type: "call.error"; code: number; message: string; url?: string })
  | (OfWebhook & { type: "webhook.sent"; callStatus: CallStatus })
  | (OfWebhook & { type: "webhook.answered"; httpStatus: number; elapsedMs: number })
  | (OfWebhook & { type: "webhook.failed"; code: number; message: string; elapsedMs: number; httpStatus?: number })
  | (OfCall & { type: "document.started"; purpose: WebhookPurpose | "inline"; url?: string; verbs: string[] })
  | (OfCall & { type: "twiml.warning"; code: number; message: string })
  | (OfCall & { type: "verb.started"; verb: string })
  | (OfCall & { type: "speech.started"; text: string; voice?: string; language?: string; durationMs: number })
  | (OfCall & { type: "gather.started"; numDigits?: number; timeoutSeconds: number })
  | (OfCall & { type: "gather.finished"; digits: string; because: "digits" | "finish_key" | "timeout" })
  | (OfCall & { type: "digits.pressed"; digits: string; heard: number })
  | { type: "rest.answered"; method: string; path: string; httpStatus: number; code?: number; callSid?: string }
  | { type: "fault.injected"; faultId: string; target: FaultTarget; kind: FaultKind; callSid?: string }
  | { type: "ivr.visited"; page: "verified" | "unverified"; parameters: string[]; sid?: string; callSid?: string };

export type LedgerEntryType = LedgerEvent["type"];

/** One line of the ledger. */
export type LedgerEntry = LedgerEvent & {
  /** 1 for the first entry; never reused. */
  seq: number;
  /** `performance.now()` of this process: for differences, and comparable with a test's own readings. */
  monotonicMs: number;
  /** Wall clock, ISO 8601 with milliseconds. */
  time: string;
};

/** The entry variant of one type. */
export type EntryOf<T extends LedgerEntryType> = LedgerEntry & { type: T };

/** Tells whether an entry is of a type, and of a call when one is given: made for `waitFor`. */
export function isEntry<T extends LedgerEntryType>(type: T, callSid?: string) {
  return (entry: LedgerEntry): entry is EntryOf<T> =>
    entry.type === type && (callSid === undefined || ("callSid" in entry && entry.callSid === callSid));
}
