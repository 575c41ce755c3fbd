import type { Tenant } from "../../core/tenants/tenant.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toCallsealError } from "../http/problem.ts";
import { endCall } from "../sessions/end-call.ts";
import type { HostedAnswer, HostedCall } from "./hosted-step.ts";
import type { KeptRecords } from "./kept-records.ts";

/** https://www.twilio.com/docs/voice/api/call-resource#call-status-values */
const endings: ReadonlySet<string> = new Set(["completed", "busy", "failed", "no-answer", "canceled"]);

/** A document that does nothing: of a status callback Twilio reads no TwiML. */
export const emptyTwiml = '<?xml version="1.0" encoding="UTF-8"?><Response/>';

/** A caller who has hung up, as Twilio told it. */
export interface HangUp {
  tenant: Tenant;
  callSid: string;
  correlationId: string;
  end: { durationSeconds: number | undefined; disposition: string };
}

/**
 * `/status`: the call's end marks the hang-up of its latest session, once, whatever order Twilio's callbacks come in.
 * Every other status, and a call without a session, is of no interest. Twilio does not repeat a callback that was
 * answered, and an error status is not ours to give (PROTOCOL §3): while the store is away the hang-up is kept.
 */
export async function noteStatus(
  context: GatewayContext,
  call: HostedCall,
  hangUps: KeptRecords<HangUp>,
): Promise<HostedAnswer> {
  const { tenant, callSid, callStatus, callDurationSeconds, correlationId } = call;
  if (callSid === undefined) throw new CallsealError("invalid_request", { detail: "CallSid names no call." });
  const answer: HostedAnswer = { twiml: emptyTwiml, outcome: "noted" };
  if (callStatus === undefined || !endings.has(callStatus)) return answer;
  const end = { durationSeconds: callDurationSeconds, disposition: callStatus };
  const hangUp: HangUp = { tenant, callSid, correlationId, end };
  try {
    return { ...answer, sessionId: await markHangUp(context, hangUp) };
  } catch (error) {
    if (toCallsealError(error).code === "unavailable") hangUps.keep(hangUp);
    throw error;
  }
}

/** Marks it at the call's latest session, whose id is returned, if the call has one. */
export async function markHangUp(context: GatewayContext, hangUp: HangUp): Promise<string | undefined> {
  const { tenant, callSid, correlationId, end } = hangUp;
  const session = await context.sessions.readLatest({ tenant: tenant.id, provider: "twilio", callId: callSid });
  if (!session) return undefined;
  const { sessionId } = session;
  await endCall(context, { tenant, sessionId, correlationId, end });
  return sessionId;
}
