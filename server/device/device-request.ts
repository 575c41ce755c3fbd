import type { Device } from "../../core/devices/device-store.ts";
import type { Tenant } from "../../core/tenants/tenant.ts";

/** What a gateway remembers of a device while its socket is open. */
export type SignedInDevice = Pick<Device, "deviceId" | "subjectId" | "tenant" | "phone" | "publicJwk" | "uvJwk">;

export function rememberDevice({ deviceId, subjectId, tenant, phone, publicJwk, uvJwk }: Device): SignedInDevice {
  return {
    ...{ deviceId, subjectId, tenant, publicJwk },
    ...(phone === undefined ? {} : { phone }),
    ...(uvJwk === undefined ? {} : { uvJwk }),
  };
}

/** Who asks over a device socket, and the id that the request's log line and events share. */
export interface DeviceRequest {
  tenant: Tenant;
  device: SignedInDevice;
  correlationId: string;
}

export interface DecisionRequest extends DeviceRequest {
  decision: "confirm" | "deny";
}
