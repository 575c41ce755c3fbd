import type { Device } from "../../core/devices/device-store.ts";
import type { Tenant } from "../../core/tenants/tenant.ts";

/** Who asks over a device socket, and the id that the request's log line and events share. */
export interface DeviceRequest {
  tenant: Tenant;
  device: Device;
  correlationId: string;
}

export interface DecisionRequest extends DeviceRequest {
  decision: "confirm" | "deny";
}
