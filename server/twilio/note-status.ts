import { CallsealError } from "../../core/verification/errors.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { endCall } from "../sessions/end-call.ts";
import type { HostedAnswer, HostedCall } from "./hosted-step.ts";

/** https://www.twilio.com/docs/voice/api/call-resource#call-status-values */
const endings: ReadonlySet<string> = new Set(["completed", "busy", "failed", "no-answer", "canceled"]);

/** A document that does nothing: of a status callback Twilio reads no TwiML. */
export const emptyTwiml = '<?xml version="1.0" encoding="UTF-8"?><Response/>';

/**
 * `/status`: the call's end marks the hang-up of its latest session, once, whatever order Twilio's callbacks come in.
 * Every other status, and a call without a session, is of no interest.
 */
export async function noteStatus(context: GatewayContext, call: HostedCall): Promise<HostedAnswer> {
  const { tenant, callSid, callStatus, callDurationSeconds, correlationId } = call;
  const answer: HostedAnswer = { twiml: emptyTwiml, outcome: "noted" };
  if (callSid === undefined) throw new CallsealError("invalid_request", { detail: "CallSid names no call." });
  if (callStatus === undefined || !endings.has(callStatus)) return answer;
  const session = await context.sessions.readLatest({ tenant: tenant.id, provider: "twilio", callId: callSid });
  if (!session) return answer;
  const { sessionId } = session;
  const end = { durationSeconds: callDurationSeconds, disposition: callStatus };
  await endCall(context, { tenant, sessionId, correlationId, end });
  return { ...answer, sessionId };
}
