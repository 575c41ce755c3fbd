import type { LiveCall } from "../calls/live-call.ts";

/** A call as the control API shows it. */
export function describeLiveCall(call: LiveCall) {
  return {
    sid: call.sid,
    accountSid: call.accountSid,
    direction: call.direction,
    from: call.from,
    to: call.to,
    status: call.status,
    listening: call.keypad.listening,
    verb: call.position?.verb.verb ?? null,
    createdAt: call.createdAt.toISOString(),
    spokenCode: call.spokenCode ?? null,
    transcript: call.transcript,
  };
}
