import { z } from "zod";
import type { Device } from "../../core/devices/device-store.ts";
import { parseJws, verifyOnce } from "../../core/devices/verify-jws.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { hasValidTimes, isAudience } from "./token-claims.ts";

export const deviceTokenType = "callseal-device+jwt";
const handshakesPerMinute = 60;

export const zidShape = /^zid_[A-Za-z0-9_-]{22}$/;
const claimsSchema = z.looseObject({ iss: z.string(), jti: z.string().min(1).max(256) });

/**
 * Authenticates a socket by its device-signed token (PROTOCOL §4): single use, at most a minute old, for this gateway.
 * Throws `unauthenticated`, `device_revoked`, `device_disabled`, `rate_limited` or `unavailable`.
 */
export async function authenticateDevice(context: GatewayContext, token: unknown): Promise<Device> {
  const jws = parseJws(token);
  const zid = jws?.header.kid;
  if (!jws || zid === undefined || !zidShape.test(zid) || jws.header.typ !== deviceTokenType) throw unauthenticated();
  const device = await context.devices.readDevice(zid);
  if (!device || !verifyOnce(jws, device.publicJwk)) throw unauthenticated();
  const claims = claimsSchema.safeParse(jws.claims);
  const valid =
    claims.success &&
    claims.data.iss === zid &&
    isAudience(jws.claims, context.publicUrl) &&
    hasValidTimes(jws.claims, context.clock.now());
  if (!valid) throw unauthenticated();
  if (device.status === "revoked" || !context.tenants.byId(device.tenant)) throw new CallsealError("device_revoked");
  if (device.status === "disabled") throw new CallsealError("device_disabled");
  await context.limits.consume("handshakes", zid, handshakesPerMinute);
  if (!(await context.devices.spendToken(zid, claims.data.jti))) throw unauthenticated();
  return device;
}

function unauthenticated(): CallsealError {
  return new CallsealError("unauthenticated");
}
