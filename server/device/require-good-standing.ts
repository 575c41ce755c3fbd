import { type DeviceStanding, wrongDidsWindowMs } from "../../core/devices/device-store.ts";
import { RateLimited } from "../../core/limits/rate-limited.ts";
import type { StandingCheck } from "../../core/redis/session-requests.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { GatewayContext } from "../gateway-context.ts";
import type { DecisionRequest, DeviceRequest } from "./device-request.ts";

type Request = DeviceRequest & Partial<Pick<DecisionRequest, "decision">>;

/**
 * What the script that answers a request looks at first: how the device stands at this moment, since it may have been
 * revoked after its socket was opened. Undefined where a script cannot, and the caller must ask before it.
 */
export function standingCheck(context: GatewayContext, request: Request): StandingCheck | undefined {
  return context.standingApart ? undefined : { mostWrongDids: mostWrongDids(request) };
}

/** The same, asked for by a read of its own. Throws `rate_limited` after too many wrong DIDs, `device_revoked`, `device_disabled`. */
export async function requireGoodStanding(context: GatewayContext, request: Request): Promise<void> {
  const standing = await readStanding(context, request);
  requireGuessesLeft(context, request, standing);
  requireActive(standing);
}

export function readStanding(context: GatewayContext, request: Request): Promise<DeviceStanding> {
  return context.devices.readStanding(request.device.deviceId);
}

export function requireActive({ status }: Pick<DeviceStanding, "status">): void {
  if (status === "revoked") throw new CallsealError("device_revoked");
  if (status === "disabled") throw new CallsealError("device_disabled");
}

/** Throws `rate_limited` when the device's wrong DIDs have used up their window (PROTOCOL §4); `wrong_did_burst` told so. */
export function requireGuessesLeft(
  context: Pick<GatewayContext, "clock">,
  request: Request,
  standing: Pick<DeviceStanding, "wrongInWindow" | "windowEndsAtMs">,
): void {
  const most = mostWrongDids(request);
  // This process' knowledge of the clock may be late; a window is never longer than it is.
  const msLeft = Math.min(standing.windowEndsAtMs - context.clock.now(), wrongDidsWindowMs);
  if (most > 0 && standing.wrongInWindow >= most && msLeft > 0) throw new RateLimited({ first: false, msLeft });
}

/** 0 limits nothing: a denial is how a person raises an alarm. */
function mostWrongDids({ tenant, decision }: Request): number {
  return decision === "deny" ? 0 : tenant.limits.wrongDidsPer10Min;
}
