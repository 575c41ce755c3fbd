import { generateKeyPairSync, randomUUID } from "node:crypto";
import { openCore } from "../../test/support/open-core.ts";
import type { DeploymentAccess } from "./deployment-environment.ts";

/** A device that a load process can be: its key crosses to it as JSON. */
export interface BenchDevice {
  deviceId: string;
  subjectId: string;
  privateJwk: Record<string, unknown>;
}

const atOnce = 200;

/** Enrols devices, each with a person and a key of its own, through the store and scripts that the gateway uses. */
export async function enrolDevices(access: DeploymentAccess, count: number): Promise<BenchDevice[]> {
  const core = openCore(access.redisUrl, { prefix: access.prefix, secret: access.secret });
  try {
    const devices: BenchDevice[] = [];
    while (devices.length < count) {
      const batch = Math.min(atOnce, count - devices.length);
      devices.push(...(await Promise.all(Array.from({ length: batch }, () => enrolOne(core, access.tenantId)))));
    }
    return devices;
  } finally {
    await core.close();
  }
}

async function enrolOne({ devices }: ReturnType<typeof openCore>, tenant: string): Promise<BenchDevice> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { subjectId } = await devices.putSubject(tenant, randomUUID(), []);
  const { activationCode } = await devices.createActivationCode(tenant, subjectId);
  const deviceId = await devices.enrol({
    tenant,
    subjectId,
    activationCode,
    name: "Pixel 9",
    platform: "android",
    publicJwk: JSON.stringify(publicKey.export({ format: "jwk" })),
    correlationId: randomUUID(),
  });
  if (deviceId === undefined) throw new Error("a device could not be enrolled");
  return { deviceId, subjectId, privateJwk: privateKey.export({ format: "jwk" }) as Record<string, unknown> };
}
