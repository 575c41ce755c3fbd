import { CallsealError } from "../../core/verification/errors.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { openSession } from "../sessions/open-session.ts";
import type { HostedAnswer, HostedCall } from "./hosted-step.ts";
import { leadOn } from "./lead-on.ts";

/**
 * `/start`: opens the call's session and speaks its code. Repeated for the same call it speaks the same code, and leads
 * to success or failure when the session has ended meanwhile. Throws `rate_limited` and `invalid_request`.
 */
export async function startCall(context: GatewayContext, call: HostedCall): Promise<HostedAnswer> {
  const { callSid, tenant, ani, dnis, stirVerstat, locale, caseId, correlationId } = call;
  if (callSid === undefined) throw new CallsealError("invalid_request", { detail: "CallSid names no call." });
  const { session } = await openSession(
    context,
    { tenant, keyId: "twilio" },
    {
      provider: "twilio",
      callId: callSid,
      ani,
      dnis,
      stirVerstat,
      locale,
      metadata: caseId === undefined ? undefined : { crmCaseId: caseId },
      correlationId,
    },
  );
  return leadOn(context, session, 1);
}
