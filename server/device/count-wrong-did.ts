import type { Device } from "../../core/devices/device-store.ts";
import type { Tenant } from "../../core/tenants/tenant.ts";
import type { GatewayContext } from "../gateway-context.ts";

/**
 * Counts a wrong DID of a device: in the window that limits guessing, and in a row since its last success, which
 * disables it in the end. Throws `rate_limited` when racing guesses have used up the window meanwhile.
 */
export async function countWrongDid(
  context: GatewayContext,
  guess: { tenant: Tenant; device: Device; correlationId: string; recorded: boolean },
): Promise<void> {
  const { tenant, device, correlationId } = guess;
  const most = tenant.limits.wrongDidsPer10Min;
  const { count, status } = await context.devices.countWrongDid(device.deviceId);
  const data = { deviceId: device.deviceId, subjectId: device.subjectId, inARow: count };
  if (!guess.recorded) await context.events.append({ type: "wrong_did", tenant: tenant.id, correlationId, data });
  if (status === "disabled") {
    await context.events.append({
      type: "wrong_did_burst",
      tenant: tenant.id,
      correlationId,
      data: { ...data, disabled: true },
    });
    context.background.run("device.disconnect", async () => context.deviceSockets.disconnect(device.deviceId));
  }
  const { left } = await context.limits.consume("wrong-dids", device.deviceId, most);
  if (left === 0) await context.events.append({ type: "wrong_did_burst", tenant: tenant.id, correlationId, data });
}
