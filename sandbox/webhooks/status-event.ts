import type { CallStatus } from "../ledger/ledger-entry.ts";

/** What a status callback can subscribe to: https://www.twilio.com/docs/voice/api/call-resource#statuscallbackevent */
export type StatusEvent = "initiated" | "ringing" | "answered" | "completed";

/** The event that a call status is reported as: every way to end is `completed`. */
export const STATUS_EVENTS: Record<CallStatus, StatusEvent | undefined> = {
  queued: undefined,
  initiated: "initiated",
  ringing: "ringing",
  "in-progress": "answered",
  completed: "completed",
  busy: "completed",
  failed: "completed",
  "no-answer": "completed",
  canceled: "completed",
};
