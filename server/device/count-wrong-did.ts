import { setImmediate as nextTurn } from "node:timers/promises";
import { RateLimited } from "../../core/limits/rate-limited.ts";
import type { GatewayContext } from "../gateway-context.ts";
import type { DeviceRequest } from "./device-request.ts";

/**
 * Counts a wrong DID of a device: in the window that limits guessing, and in a row since its last success, which
 * disables it in the end. Throws `rate_limited` when racing guesses have used up the window meanwhile.
 */
export async function countWrongDid(
  context: GatewayContext,
  guess: DeviceRequest & { recorded: boolean },
): Promise<void> {
  const { tenant, device, correlationId } = guess;
  const { deviceId, subjectId } = device;
  const { inARow, status, inWindow, windowLeftMs } = await context.devices.countWrongDid(deviceId);
  const append = (type: "wrong_did" | "wrong_did_burst", more: object = {}) =>
    context.events.append({
      type,
      tenant: tenant.id,
      correlationId,
      data: { deviceId, subjectId, inARow, ...more },
    });
  if (!guess.recorded) await append("wrong_did");
  if (status === "disabled") {
    context.background.run("device.disable", async () => {
      await append("wrong_did_burst", { disabled: true });
      // The guess has its answer before its socket is closed.
      await nextTurn();
      context.deviceSockets.disconnect(deviceId);
    });
  }
  const most = tenant.limits.wrongDidsPer10Min;
  if (inWindow > most) throw new RateLimited({ first: inWindow === most + 1, msLeft: windowLeftMs });
  if (inWindow === most) context.background.run("event.append", () => append("wrong_did_burst"));
}
