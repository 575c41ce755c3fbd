import { z } from "zod";
import { parseRetryAfter } from "../../delivery/parse-retry-after.ts";
import type { AnsweredExchange } from "../../delivery/send-request.ts";
import type { CallLiveness, InterceptOutcome } from "../call-provider.ts";

/** "Call is not in-progress. Cannot redirect." https://www.twilio.com/docs/api/errors/21220 */
const CALL_NOT_IN_PROGRESS = 21220;

const errorBody = z.object({ code: z.int().min(10_000).max(99_999) });
const callBody = z.object({ status: z.string() });

const liveness: Record<string, CallLiveness> = {
  queued: "live",
  ringing: "live",
  "in-progress": "live",
  completed: "ended",
  busy: "ended",
  failed: "ended",
  "no-answer": "ended",
  canceled: "ended",
};

/**
 * Maps Twilio's answer to UpdateCall (https://www.twilio.com/docs/voice/api/call-resource, /docs/api/errors).
 * 21220 is the only sign that the call is over: a call that has ended still exists, so that 404 (20404) means a wrong
 * SID, account or region, which is ours to repair. 429 (20429) was not processed. After 408 and 5xx nobody knows.
 */
export function mapUpdateAnswer(answer: AnsweredExchange, nowMs: number): InterceptOutcome {
  const { status } = answer;
  if (status >= 200 && status < 300) return { outcome: "redirected" };
  const code = parseAs(errorBody, answer.body)?.code;
  const detail = code === undefined ? `http_${status}` : `twilio_${code}`;
  if (status === 429 || status === 425) {
    const retryAfterMs = parseRetryAfter(answer.headers["retry-after"], nowMs);
    return { outcome: "retryable", detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  if (status >= 500 || status === 408) return { outcome: "unknown", detail };
  if (code === CALL_NOT_IN_PROGRESS) return { outcome: "call_ended", detail };
  // A 400 whose body was cut off may have said 21220.
  return answer.complete || status !== 400 ? { outcome: "rejected", detail } : { outcome: "unknown", detail };
}

/** Maps Twilio's answer to FetchCall by the call's `status`. */
export function mapFetchAnswer(answer: AnsweredExchange): CallLiveness {
  if (answer.status !== 200) return "unknown";
  const status = parseAs(callBody, answer.body)?.status ?? "";
  return Object.hasOwn(liveness, status) ? (liveness[status] ?? "unknown") : "unknown";
}

function parseAs<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
