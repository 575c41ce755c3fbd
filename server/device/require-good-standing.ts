import type { DeviceStanding } from "../../core/devices/device-store.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { GatewayContext } from "../gateway-context.ts";
import type { DeviceRequest } from "./claim.ts";

/** Reads how the device stands now; throws `rate_limited` after too many wrong DIDs, `device_revoked`, `device_disabled`. */
export async function requireGoodStanding(context: GatewayContext, request: DeviceRequest): Promise<DeviceStanding> {
  const standing = await readStanding(context, request);
  if (standing.status === "revoked") throw new CallsealError("device_revoked");
  if (standing.status === "disabled") throw new CallsealError("device_disabled");
  return standing;
}

export async function readStanding(context: GatewayContext, request: DeviceRequest): Promise<DeviceStanding> {
  const { deviceId } = request.device;
  const [standing] = await Promise.all([
    context.devices.readStanding(deviceId),
    context.limits.check("wrong-dids", deviceId, request.tenant.limits.wrongDidsPer10Min),
  ]);
  return standing;
}
