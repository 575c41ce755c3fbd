import type { RateLimited } from "../../core/limits/rate-limited.ts";
import type { DecideOutcome, Result } from "../../core/redis/session-replies.ts";
import type { TenantPolicy } from "../../core/tenants/tenant.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { Session } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { auditRefusal } from "./audit-refusal.ts";
import { countWrongDid } from "./count-wrong-did.ts";
import type { DecisionRequest } from "./device-request.ts";
import type { VerifiedProof } from "./verify-proof.ts";

/** A late confirmation still counts for a case this long after the session's expiry (PROTOCOL §6). */
const lateWindowMs = 120_000;

interface Refusal extends DecisionRequest {
  proof: VerifiedProof;
  result: Result<DecideOutcome> & { refusal?: RateLimited };
}

/** Does what a refused proof entails and returns the error that the app gets. */
export async function refuseDecision(context: GatewayContext, refusal: Refusal): Promise<CallsealError> {
  const { outcome, session } = refusal.result;
  switch (outcome) {
    case "wrong_did":
      await refuseWrongDid(context, refusal);
      return new CallsealError("wrong_did");
    case "late_confirmation":
      await recordLate(context, refusal);
      return new CallsealError("late_confirmation");
    case "rate_limited":
      return refusal.result.refusal!;
    case "device_revoked":
    case "device_disabled":
    case "not_found":
    case "call_mismatch":
    case "invalid_proof":
    case "subject_mismatch":
    case "session_terminal":
      auditRefusal(context, refusal, { code: outcome, session });
      return new CallsealError(outcome);
    default:
      return new CallsealError("internal", { cause: new Error(`unexpected outcome ${outcome}`) });
  }
}

/** One wrong code over a push takes the offer back from that device; the whole code can still be claimed. */
async function refuseWrongDid(context: GatewayContext, refusal: Refusal): Promise<void> {
  const { device, proof, result } = refusal;
  if (proof.method === "push" && result.session) {
    context.deviceSockets.withdraw([device.deviceId], { sessionId: result.session.sessionId, reason: "wrong_did" });
  }
  await countWrongDid(context, { ...refusal, recorded: true });
}

async function recordLate(context: GatewayContext, refusal: Refusal): Promise<void> {
  const { session, nowMs } = refusal.result;
  const caseId = session?.metadata.crmCaseId;
  if (
    !session ||
    caseId === undefined ||
    refusal.decision !== "confirm" ||
    !countsLate(refusal.tenant.policy, session, nowMs)
  )
    return;
  const { subjectId } = refusal.device;
  await context.cases.record(refusal.tenant.id, { caseId, sessionId: session.sessionId, subjectId, nowMs });
}

function countsLate(policy: TenantPolicy, session: Session, nowMs: number): boolean {
  return policy.late === "recently-verified" && nowMs <= session.expiresAtMs + lateWindowMs;
}
