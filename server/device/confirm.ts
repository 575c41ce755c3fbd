import { z } from "zod";
import { parseSessionId } from "../../core/redis/keys.ts";
import type { DecideOutcome, Result } from "../../core/redis/session-store.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { Session } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { instant } from "../sessions/present-session.ts";
import type { DeviceRequest } from "./claim.ts";
import { refuseDecision } from "./refuse-decision.ts";
import { readStanding } from "./require-good-standing.ts";
import { type VerifiedProof, verifyProof } from "./verify-proof.ts";

const decisionPayload = z.strictObject({ proof: z.unknown() });

export interface Decided {
  ok: true;
  sessionId: string;
  status: string;
  confirmedAt?: string;
}

/**
 * The one path of Callseal: parse, verify the proof, decide in one atomic script, enqueue what the confirmation owes,
 * acknowledge. `deny` takes the same way to its own end. The codes of PROTOCOL §4 say why a proof was refused.
 */
export async function decide(
  context: GatewayContext,
  request: DeviceRequest & { decision: "confirm" | "deny" },
  payload: unknown,
): Promise<Decided> {
  const proof = await readProof(context, request, payload);
  refuseIncomingCall(request, proof);
  const result = await context.sessions.decide(transitionOf(request, proof));
  if (result.outcome !== "confirmed" && result.outcome !== "denied" && result.outcome !== "repeated") {
    throw await refuseDecision(context, { ...request, proof, result });
  }
  const session = result.session!;
  if (session.status === "confirmed" && session.intercept.status === "pending") {
    context.jobs.addIntercept(session.sessionId, request.correlationId);
  }
  if (result.outcome !== "repeated") settle(context, request, session);
  return acknowledge(session);
}

async function readProof(
  context: GatewayContext,
  request: DeviceRequest & { decision: "confirm" | "deny" },
  payload: unknown,
): Promise<VerifiedProof> {
  const parsed = decisionPayload.safeParse(payload);
  if (!parsed.success) throw new CallsealError("invalid_proof", { detail: "the payload is { proof }" });
  const { device, tenant, decision } = request;
  // Asked first, so that the answer is under way while nothing else needs it.
  const standing = await readStanding(context, request);
  const proof = verifyProof(parsed.data.proof, {
    device,
    standing,
    decision,
    audience: context.publicUrl,
    policy: tenant.policy,
    verifyJws: context.verifyJws,
    nowMs: Date.now(),
  });
  if (!parseSessionId(proof.claims.sid)) throw new CallsealError("not_found");
  return proof;
}

/** A person who is being called is the mark of a DID that somebody relays to them (PROTOCOL §4). */
function refuseIncomingCall(request: DeviceRequest & { decision: "confirm" | "deny" }, proof: VerifiedProof): void {
  const refused =
    request.decision === "confirm" &&
    proof.claims.call === "incoming" &&
    request.tenant.policy.incomingCall === "refuse";
  if (refused) throw new CallsealError("incoming_call");
}

function transitionOf(request: DeviceRequest & { decision: "confirm" | "deny" }, proof: VerifiedProof) {
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
  };
}

/** What follows from a decision and holds nobody up. */
function settle(context: GatewayContext, request: DeviceRequest, session: Session): void {
  context.jobs.removeTimeout(session.sessionId);
  if (session.status === "confirmed") {
    context.background.run("device.note-confirmation", () => context.devices.noteConfirmation(request.device.deviceId));
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

export type Refused = Result<Exclude<DecideOutcome, "confirmed" | "denied" | "repeated">>;
