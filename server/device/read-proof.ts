import { setImmediate as nextTurn } from "node:timers/promises";
import { z } from "zod";
import type { DeviceStanding } from "../../core/devices/device-store.ts";
import { parseSessionId } from "../../core/redis/keys.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { GatewayContext } from "../gateway-context.ts";
import type { DecisionRequest } from "./device-request.ts";
import { readStanding, requireActive, requireGuessesLeft } from "./require-good-standing.ts";
import { type Examined, examineProof, type VerifiedProof } from "./verify-proof.ts";

const decisionPayload = z.strictObject({ proof: z.unknown() });

/** A proof that may decide. */
export interface ReadProof {
  proof: VerifiedProof;
  /** How its device stood a moment before, where the deciding script cannot look itself. */
  standing: DeviceStanding | undefined;
}

/**
 * The verified proof of a request. How the device stands is looked at by the script that decides; where that cannot, Redis
 * answers it while the signature is being checked. Faults are reported in the order of PROTOCOL §4 all the same, so a proof
 * that is refused before that script is worth a read. Throws `rate_limited`, `invalid_proof`, `device_revoked`, `device_disabled`, `expired`,
 * `not_found`.
 */
export async function readProof(
  context: GatewayContext,
  request: DecisionRequest,
  payload: unknown,
): Promise<ReadProof> {
  const parsed = decisionPayload.safeParse(payload);
  if (!parsed.success) throw new CallsealError("invalid_proof", { detail: "the payload is { proof }" });
  const examine = () => examineRequest(context, request, parsed.data.proof);
  // In the next turn of the event loop: what this one asks of Redis leaves at its end, not after the signature's check.
  const [asked, examined] = context.standingApart
    ? await Promise.all([readStanding(context, request), nextTurn().then(examine)])
    : [undefined, examine()];
  const isRefused = "fault" in examined || isRelayed(request, examined.verified);
  const standing = asked ?? (isRefused ? await readStanding(context, request) : undefined);
  if (standing) requireGuessesLeft(context, request, standing);
  if ("fault" in examined && examined.beforeKey) throw examined.fault;
  if (standing) requireActive(standing);
  if ("fault" in examined) throw examined.fault;
  return { proof: examined.verified, standing };
}

/** A person who is being called is the mark of a DID that somebody relays to them (PROTOCOL §4). */
export function isRelayed(request: DecisionRequest, proof: VerifiedProof): boolean {
  const { incomingCall } = request.tenant.policy;
  return request.decision === "confirm" && proof.claims.call === "incoming" && incomingCall === "refuse";
}

function examineRequest(context: GatewayContext, request: DecisionRequest, proof: unknown): Examined {
  const { device, tenant, decision } = request;
  const examined = examineProof(proof, {
    device,
    decision,
    audience: context.publicUrl,
    policy: tenant.policy,
    verifyJws: context.verifyJws,
    nowMs: context.clock.now(),
  });
  if ("fault" in examined || parseSessionId(examined.verified.claims.sid)) return examined;
  return { fault: new CallsealError("not_found"), beforeKey: false };
}
