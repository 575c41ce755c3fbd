import type { DeviceConnection, DeviceEvents } from "../../client-sdk/src/device/index.ts";

/** The next event of that name. */
export function nextEvent<Name extends keyof DeviceEvents>(
  device: DeviceConnection,
  name: Name,
): Promise<DeviceEvents[Name]> {
  return new Promise((resolve) => {
    const off = device.on(name, (event) => {
      off();
      resolve(event);
    });
  });
}
