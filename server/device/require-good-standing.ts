import type { DeviceStanding } from "../../core/devices/device-store.ts";
import { RateLimited } from "../../core/limits/rate-limited.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { GatewayContext } from "../gateway-context.ts";
import type { DeviceRequest } from "./device-request.ts";

/** Throws `rate_limited` after too many wrong DIDs, `device_revoked`, `device_disabled`. */
export async function requireGoodStanding(context: GatewayContext, request: DeviceRequest): Promise<void> {
  const standing = await readStanding(context, request);
  requireGuessesLeft(context, request, standing);
  requireActive(standing);
}

/** How the device stands at this moment: it may have been revoked since its socket was opened. */
export function readStanding(context: GatewayContext, request: DeviceRequest): Promise<DeviceStanding> {
  return context.devices.readStanding(request.device.deviceId);
}

export function requireActive({ status }: Pick<DeviceStanding, "status">): void {
  if (status === "revoked") throw new CallsealError("device_revoked");
  if (status === "disabled") throw new CallsealError("device_disabled");
}

/** Throws `rate_limited` when the device's wrong DIDs have used up their window (PROTOCOL §4); `wrong_did_burst` told so. */
export function requireGuessesLeft(
  context: Pick<GatewayContext, "clock">,
  { tenant }: Pick<DeviceRequest, "tenant">,
  standing: Pick<DeviceStanding, "wrongInWindow" | "windowEndsAtMs">,
): void {
  const msLeft = standing.windowEndsAtMs - context.clock.now();
  if (standing.wrongInWindow < tenant.limits.wrongDidsPer10Min || msLeft <= 0) return;
  throw new RateLimited({ first: false, msLeft });
}
