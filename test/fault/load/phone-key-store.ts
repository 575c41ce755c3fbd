import { createPrivateKey, sign } from "node:crypto";
import type { BenchDevice } from "../../../bench/stack/enrol-devices.ts";
import { type DeviceKey, type KeyStore, toPublicJwk } from "../../../client-sdk/src/device/key-store.ts";

/** The key store of a phone that is enrolled already. */
export function phoneKeyStore(device: BenchDevice, place: { publicUrl: string; tenantId: string }): KeyStore {
  const key = createPrivateKey({ key: device.privateJwk, format: "jwk" });
  const deviceKey: DeviceKey = {
    algorithm: "ES256",
    publicJwk: toPublicJwk(device.privateJwk),
    sign: async (data) => new Uint8Array(sign("sha256", data, { key, dsaEncoding: "ieee-p1363" })),
  };
  const { deviceId, subjectId } = device;
  const { publicUrl: gatewayUrl, tenantId } = place;
  const enrolment = {
    deviceId,
    subjectId,
    tenantId,
    gatewayUrl,
    audience: gatewayUrl,
    enrolledAt: new Date().toISOString(),
  };
  const refuse = () => Promise.reject(new Error("this phone is enrolled already"));
  return { load: async () => ({ enrolment, deviceKey }), generateKey: refuse, save: refuse, clear: refuse };
}
