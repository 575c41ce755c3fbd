import type { ErrorCode } from "../../core/verification/errors.ts";
import type { Session } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";
import type { DecisionRequest } from "./device-request.ts";

/** What has an event of its own type, and what was no decision about the proof at all. */
const toldElsewhere: readonly ErrorCode[] = [
  "wrong_did",
  "late_confirmation",
  "rate_limited",
  "unavailable",
  "internal",
];

/**
 * Records a refused confirmation or denial: every attempt is audited. The session is named only when it is known to be
 * one of this tenant's, never as the proof claims it.
 */
export function auditRefusal(
  context: GatewayContext,
  request: DecisionRequest,
  refusal: { code: ErrorCode; session?: Session | undefined },
): void {
  if (toldElsewhere.includes(refusal.code)) return;
  const { device, tenant, correlationId, decision } = request;
  const { deviceId, subjectId } = device;
  context.background.run("event.append", () =>
    context.events.append({
      type: "confirmation_refused",
      tenant: tenant.id,
      correlationId,
      ...(refusal.session ? { session: nameOf(refusal.session) } : {}),
      data: { code: refusal.code, decision, deviceId, subjectId },
    }),
  );
}

const nameOf = ({ sessionId, callId, provider }: Session) => ({ sessionId, callId, provider });
