import { randomUUID } from "node:crypto";
import type { DeviceStanding } from "../../core/devices/device-store.ts";
import { interceptLeaseMs } from "../../core/queue/queues.ts";
import type { ProofOfDecision } from "../../core/redis/session-requests.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { Session } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { instant } from "../sessions/present-session.ts";
import { auditRefusal } from "./audit-refusal.ts";
import type { DecisionRequest } from "./device-request.ts";
import { isRelayed, readProof } from "./read-proof.ts";
import { refuseDecision } from "./refuse-decision.ts";
import { standingCheck } from "./require-good-standing.ts";
import type { VerifiedProof } from "./verify-proof.ts";

export interface Decided {
  ok: true;
  sessionId: string;
  status: string;
  confirmedAt?: string;
}

/**
 * The one path of Callseal: verify the proof, decide in one atomic script, enqueue what the confirmation owes,
 * acknowledge. `deny` takes the same way to its own end. The codes of PROTOCOL §4 say why a proof was refused; each
 * refusal is audited.
 */
export async function decide(context: GatewayContext, request: DecisionRequest, payload: unknown): Promise<Decided> {
  const { proof, standing } = await readProof(context, request, payload).catch((error: unknown) => {
    if (error instanceof CallsealError) auditRefusal(context, request, error);
    throw error;
  });
  if (isRelayed(request, proof)) throw await refuseIncomingCall(context, request, proof);
  const result = await context.sessions.decide(transitionOf(context, request, proof));
  if (result.outcome !== "confirmed" && result.outcome !== "denied" && result.outcome !== "repeated") {
    throw await refuseDecision(context, { ...request, proof, result });
  }
  const session = result.session!;
  await context.barrier?.pass(session);
  if (session.status === "confirmed" && session.intercept.status === "pending") {
    const { grant } = session.intercept;
    const granted = grant === undefined ? undefined : { token: grant, record: result.record! };
    // The intercept carries the id of the request that opened the session, all the way to the provider (PROTOCOL §7).
    context.jobs.addIntercept(session.sessionId, session.correlationId, granted);
  }
  if (result.outcome !== "repeated") settle(context, { session, standing, deviceId: request.device.deviceId });
  return acknowledge(session);
}

async function refuseIncomingCall(
  context: GatewayContext,
  request: DecisionRequest,
  proof: VerifiedProof,
): Promise<CallsealError> {
  const session = await context.sessions.read(proof.claims.sid, request.tenant.id);
  auditRefusal(context, request, { code: "incoming_call", session });
  return new CallsealError("incoming_call");
}

function transitionOf(context: GatewayContext, request: DecisionRequest, proof: VerifiedProof): ProofOfDecision {
  const { claims } = proof;
  const { deviceId, subjectId } = request.device;
  return {
    tenant: request.tenant.id,
    sessionId: claims.sid,
    deviceId,
    subjectId,
    decision: request.decision,
    jti: claims.jti,
    callId: claims.cid,
    provider: claims.prv,
    generation: claims.gen,
    nonce: claims.nonce,
    method: proof.method,
    push: request.tenant.policy.push,
    code: proof.code,
    correlationId: request.correlationId,
    event: {
      deviceId,
      subjectId,
      method: proof.method,
      ...(request.decision === "confirm" ? { acr: proof.receipt.acr } : {}),
      ...(claims.call === undefined ? {} : { call: claims.call }),
      ...(claims.reason === undefined ? {} : { reason: claims.reason }),
    },
    receipt: proof.receipt,
    standing: standingCheck(context, request),
    grant: { token: randomUUID(), leaseMs: interceptLeaseMs },
  };
}

/** What follows from a decision and holds nobody up. A script that looked at the device has reset its counters itself. */
function settle(
  context: GatewayContext,
  decided: { session: Session; standing: DeviceStanding | undefined; deviceId: string },
): void {
  const { session, standing, deviceId } = decided;
  context.timeouts.end(session);
  const counted = standing !== undefined && (standing.wrongInARow > 0 || standing.offersSinceConfirmation > 0);
  if (session.status === "confirmed" && counted) {
    context.background.run("device.note-confirmation", () => context.devices.noteConfirmation(deviceId));
  }
}

function acknowledge(session: Session): Decided {
  return {
    ok: true,
    sessionId: session.sessionId,
    status: session.status,
    ...(session.status === "confirmed" ? { confirmedAt: instant(session.confirmedAtMs) } : {}),
  };
}
