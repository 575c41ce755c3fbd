import type { LiveCall } from "../calls/live-call.ts";
import { API_VERSION } from "../webhooks/describe-call.ts";

/** The call as JSON: https://www.twilio.com/docs/voice/api/call-resource#call-properties */
export function callResource(call: LiveCall, timeScale: number): Record<string, unknown> {
  const uri = `/${API_VERSION}/Accounts/${call.accountSid}/Calls/${call.sid}`;
  const seconds = Math.round(call.answeredMs / timeScale / 1000);
  const names = ["events", "notifications", "payments", "recordings", "siprec", "streams", "transcriptions"];
  return {
    sid: call.sid,
    account_sid: call.accountSid,
    api_version: API_VERSION,
    direction: call.direction,
    status: call.status,
    from: call.from,
    from_formatted: call.from,
    to: call.to,
    to_formatted: call.to,
    date_created: rfc2822(call.createdAt),
    date_updated: rfc2822(call.endTime ?? call.startTime ?? call.createdAt),
    start_time: rfc2822(call.startTime),
    end_time: rfc2822(call.endTime),
    duration: call.endTime ? String(seconds) : null,
    answered_by: null,
    caller_name: null,
    forwarded_from: null,
    group_sid: null,
    parent_call_sid: null,
    phone_number_sid: "",
    price: null,
    price_unit: "USD",
    queue_time: "0",
    trunk_sid: null,
    uri: `${uri}.json`,
    subresource_uris: Object.fromEntries(
      names.map((name) => [name, `${uri}/${name[0]?.toUpperCase()}${name.slice(1)}.json`]),
    ),
  };
}

function rfc2822(date: Date | undefined): string | null {
  return date ? date.toUTCString().replace("GMT", "+0000") : null;
}
