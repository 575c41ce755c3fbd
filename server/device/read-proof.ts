import { setImmediate as nextTurn } from "node:timers/promises";
import { z } from "zod";
import type { DeviceStanding } from "../../core/devices/device-store.ts";
import { parseSessionId } from "../../core/redis/keys.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { GatewayContext } from "../gateway-context.ts";
import type { DecisionRequest } from "./device-request.ts";
import { readStanding, requireActive, requireGuessesLeft } from "./require-good-standing.ts";
import { examineProof, type VerifiedProof } from "./verify-proof.ts";

const decisionPayload = z.strictObject({ proof: z.unknown() });

/** A proof that may decide, and how its device stood a moment before. */
export interface ReadProof {
  proof: VerifiedProof;
  standing: DeviceStanding;
}

/**
 * The verified proof of a request. Redis answers how the device stands while the signature is being checked; the faults
 * are reported in the order of PROTOCOL §4 all the same. A denial is never limited: it is how a person raises an alarm.
 * Throws `rate_limited`, `invalid_proof`, `device_revoked`, `device_disabled`, `expired`, `not_found`.
 */
export async function readProof(
  context: GatewayContext,
  request: DecisionRequest,
  payload: unknown,
): Promise<ReadProof> {
  const parsed = decisionPayload.safeParse(payload);
  if (!parsed.success) throw new CallsealError("invalid_proof", { detail: "the payload is { proof }" });
  const { device, tenant, decision } = request;
  const asked = readStanding(context, request).then((standing) => {
    if (decision === "confirm") requireGuessesLeft(context, request, standing);
    return standing;
  });
  const examine = () =>
    examineProof(parsed.data.proof, {
      device,
      decision,
      audience: context.publicUrl,
      policy: tenant.policy,
      verifyJws: context.verifyJws,
      nowMs: context.clock.now(),
    });
  // In the next turn of the event loop: what this one asks of Redis leaves at its end, not after the signature's check.
  const [standing, examined] = await Promise.all([asked, nextTurn().then(examine)]);
  if ("fault" in examined && examined.beforeKey) throw examined.fault;
  requireActive(standing);
  if ("fault" in examined) throw examined.fault;
  if (!parseSessionId(examined.verified.claims.sid)) throw new CallsealError("not_found");
  return { proof: examined.verified, standing };
}
