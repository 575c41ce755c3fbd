import { RateLimited } from "../../core/limits/rate-limited.ts";
import type { ErrorCode } from "../../core/verification/errors.ts";
import type { Session } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { recordRateLimit } from "../sessions/record-rate-limit.ts";
import type { DecisionRequest } from "./device-request.ts";

/** What has an event of its own type, and what was no decision about the proof at all. */
const toldElsewhere: readonly ErrorCode[] = [
  "wrong_did",
  "late_confirmation",
  "rate_limited",
  "unavailable",
  "internal",
];
/** One device must not wash everything else out of the trail: after this many a minute, one event stands for the rest. */
const mostPerMinute = 120;

/**
 * Records a refused confirmation or denial: every attempt is audited. The session is named only when it is known to be
 * one of this tenant's, never as the proof claims it. The device's answer does not wait for it.
 */
export function auditRefusal(
  context: GatewayContext,
  request: DecisionRequest,
  refusal: { code: ErrorCode; session?: Session | undefined },
): void {
  if (!toldElsewhere.includes(refusal.code)) {
    context.background.run("event.append", () => append(context, request, refusal));
  }
}

async function append(
  context: GatewayContext,
  request: DecisionRequest,
  refusal: { code: ErrorCode; session?: Session | undefined },
): Promise<void> {
  const { device, decision, correlationId } = request;
  const { deviceId, subjectId } = device;
  const tenant = request.tenant.id;
  try {
    await context.limits.consume("refusals", deviceId, mostPerMinute);
  } catch (error) {
    if (!(error instanceof RateLimited)) throw error;
    if (error.first) {
      recordRateLimit(context, { tenant, correlationId, data: { limit: "refusals", deviceId, subjectId } });
    }
    return;
  }
  await context.events.append({
    type: "confirmation_refused",
    tenant,
    correlationId,
    ...(refusal.session ? { session: nameOf(refusal.session) } : {}),
    data: { code: refusal.code, decision, deviceId, subjectId },
  });
}

const nameOf = ({ sessionId, callId, provider }: Session) => ({ sessionId, callId, provider });
