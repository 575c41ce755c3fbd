import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { type Config, ConfigError } from "../config/config.ts";
import type { RedisClient } from "../redis/connections.ts";
import { deploymentKey, type Keyspace } from "../redis/keys.ts";
import type { Tenant } from "../tenants/tenant.ts";
import { demoTenant, parseTenants, readTenantsFile } from "../tenants/tenant-directory.ts";

export interface Deployment {
  secret: string;
  tenants: Tenant[];
  /** Private JWKS as JSON; the first key signs. */
  signingKeys: string;
  /** What was made because nothing was configured: named at start as a development default. */
  generated: string[];
}

/**
 * What every process of a deployment must share. What the configuration does not give is made once and kept in Redis,
 * so that all gateways and workers agree; config.ts refuses that in production.
 */
export async function loadDeployment(config: Config, redis: RedisClient, keyspace: Keyspace): Promise<Deployment> {
  const key = deploymentKey(keyspace);
  const generated: string[] = [];
  const share = async (field: string, setting: string, make: () => Promise<string> | string): Promise<string> => {
    generated.push(setting);
    await redis.hsetnx(key, field, (await redis.hexists(key, field)) ? "" : await make());
    return (await redis.hget(key, field))!;
  };
  const secret =
    config.CALLSEAL_SECRET ?? (await share("secret", "CALLSEAL_SECRET", () => randomBytes(32).toString("base64url")));
  const signingKeys = config.CALLSEAL_SIGNING_KEYS
    ? readSigningKeys(config.CALLSEAL_SIGNING_KEYS)
    : await share("signingKeys", "CALLSEAL_SIGNING_KEYS", makeSigningKeys);
  const tenants = config.CALLSEAL_CONFIG
    ? readTenantsFile(config.CALLSEAL_CONFIG)
    : parseTenants({ tenants: [JSON.parse(await share("demoTenant", "CALLSEAL_CONFIG", makeDemoTenant))] });
  return { secret, tenants, signingKeys, generated };
}

function readSigningKeys(setting: string): string {
  if (setting.trimStart().startsWith("{")) return setting;
  try {
    return readFileSync(setting, "utf8");
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code;
    throw new ConfigError("The environment is not usable:", [
      `CALLSEAL_SIGNING_KEYS: ${setting} cannot be read (${reason})`,
    ]);
  }
}

function makeSigningKeys(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return JSON.stringify({ keys: [privateKey.export({ format: "jwk" })] });
}

function makeDemoTenant(): string {
  const key = (name: string) => `cs_demo_${name}_${randomBytes(18).toString("base64url")}`;
  return JSON.stringify(demoTenant({ sessions: key("sessions"), admin: key("admin") }));
}
