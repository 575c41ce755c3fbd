import type { LiveCall } from "../calls/live-call.ts";
import type { CloudContext } from "../cloud-context.ts";
import { deliverWebhook } from "./deliver-webhook.ts";
import { describeCall } from "./describe-call.ts";
import { STATUS_EVENTS } from "./status-event.ts";

/**
 * Posts the call's status to its status callback when it subscribed to that event; nothing waits for the answer.
 * Source: https://www.twilio.com/docs/voice/api/call-resource#statuscallback
 */
export function postStatusCallback(call: LiveCall, context: CloudContext): void {
  const callback = call.statusCallback;
  const event = STATUS_EVENTS[call.status];
  if (!callback || !event || !callback.events.includes(event) || context.closing.aborted) return;
  const parameters = {
    ...describeCall(call),
    Timestamp: new Date().toUTCString().replace("GMT", "+0000"),
    CallbackSource: "call-progress-events",
    SequenceNumber: String(callback.nextSequenceNumber++),
    ...(event === "completed" ? endOf(call, context) : {}),
  };
  context.track(
    deliverWebhook(
      {
        callSid: call.sid,
        callStatus: call.status,
        accountSid: call.accountSid,
        purpose: "status_callback",
        url: callback.url,
        method: callback.method,
        parameters,
      },
      context,
    ),
  );
}

function endOf(call: LiveCall, context: CloudContext): Record<string, string> {
  const seconds = Math.round(call.answeredMs / context.clock.scale / 1000);
  return { CallDuration: String(seconds), Duration: String(Math.ceil(seconds / 60)), SipResponseCode: "200" };
}
