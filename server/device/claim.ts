import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Tenant } from "../../core/tenants/tenant.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { parse } from "../http/parse-body.ts";
import { countWrongDid } from "./count-wrong-did.ts";
import type { DeviceRequest } from "./device-request.ts";
import type { Challenge } from "./device-sockets.ts";
import { issueChallenge } from "./issue-challenge.ts";
import { requireGoodStanding, standingCheck } from "./require-good-standing.ts";

const claimPayload = z.strictObject({ did: z.string().max(64) });

export const newNonce = (): string => randomBytes(16).toString("base64url");

/**
 * The person typed the DID that they hear: shows which call it belongs to. A claim locks nothing.
 * Throws `wrong_did`, `expired`, `subject_mismatch`, `rate_limited`, `device_revoked`, `device_disabled`.
 */
export async function claim(
  context: GatewayContext,
  request: DeviceRequest,
  payload: unknown,
): Promise<{ ok: true; challenge: Challenge }> {
  const { did } = parse(claimPayload, payload);
  const { tenant, device } = request;
  const standing = standingCheck(context, request);
  const asked = standing ? undefined : requireGoodStanding(context, request);
  const [callHash] = await Promise.all([findCall(context, tenant, did), asked]);
  if (callHash === undefined) {
    if (standing) await requireGoodStanding(context, request);
    throw await wrongDid(context, request);
  }
  const { deviceId, subjectId } = device;
  const nonce = newNonce();
  const result = await context.sessions.claim({ callHash, kind: "did", did, deviceId, subjectId, nonce, standing });
  switch (result.outcome) {
    case "claimed": {
      const challenge = await issueChallenge(context, {
        tenant,
        device,
        session: result.session!,
        nonce: result.nonce,
      });
      context.withdrawals.watch(result.session!, device.deviceId);
      return { ok: true, challenge };
    }
    case "rate_limited":
      throw result.refusal!;
    case "expired":
    case "subject_mismatch":
    case "device_revoked":
    case "device_disabled":
      throw new CallsealError(result.outcome);
    case "wrong_did":
    case "spent":
      throw await wrongDid(context, request);
  }
}

/** Only digits can be a DID; anything else that was typed is as wrong as a wrong code. */
async function findCall(context: GatewayContext, tenant: Tenant, did: string): Promise<string | undefined> {
  return /^[0-9]{6,10}$/.test(did) ? context.dids.find(tenant.id, did) : undefined;
}

async function wrongDid(context: GatewayContext, request: DeviceRequest): Promise<CallsealError> {
  await countWrongDid(context, { ...request, recorded: false });
  return new CallsealError("wrong_did");
}
