import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, type JSONWebKeySet } from "jose";
import type { TenantInput } from "../../core/tenants/tenant.ts";

/** What every client of a deployment must know; crosses to load processes as JSON. */
export interface DeploymentAccess {
  publicUrl: string;
  prefix: string;
  secret: string;
  redisUrl: string;
  tenantId: string;
  apiKey: string;
}

/** Credentials of a new deployment of one tenant. */
export function newAccess(
  of: Pick<DeploymentAccess, "publicUrl" | "prefix" | "redisUrl" | "tenantId">,
): DeploymentAccess {
  return {
    ...of,
    secret: randomBytes(32).toString("base64url"),
    apiKey: `cs_${of.prefix}_${randomBytes(18).toString("base64url")}`,
  };
}

/** A new key to sign receipts and proofs of handover with, and what those who verify them need of it. */
export async function newSigningKey(): Promise<{ signing: JSONWebKeySet; published: JSONWebKeySet }> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const [signing, published] = await Promise.all([exportJWK(privateKey), exportJWK(publicKey)]);
  return {
    signing: { keys: [{ ...signing, kid: "1" }] },
    published: { keys: [{ ...published, kid: "1", alg: "ES256" }] },
  };
}

/** A policy of limits that no load reaches. */
const never = 1_000_000;
export const unlimited = {
  sessionsPerMinutePerKey: never,
  sessionsPerMinutePerAni: never,
  pollsPerMinutePerSession: never,
  enrollmentsPerHourPerAddress: never,
} as const;

/** The environment of every gateway and worker of a deployment, as in production, and the removal of its tenants' file. */
export async function deploymentEnvironment(
  access: DeploymentAccess,
  parts: { tenant: TenantInput; signing: JSONWebKeySet },
): Promise<{ environment: Readonly<Record<string, string>>; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), `callseal-${access.prefix}-`));
  const tenantsFile = join(folder, "tenants.json");
  await writeFile(tenantsFile, JSON.stringify({ tenants: [parts.tenant] }), { mode: 0o600 });
  return {
    environment: {
      NODE_ENV: "production",
      HOST: "127.0.0.1",
      PORT: "0",
      REDIS_URL: access.redisUrl,
      CALLSEAL_PUBLIC_URL: access.publicUrl,
      CALLSEAL_CONFIG: tenantsFile,
      CALLSEAL_SECRET: access.secret,
      CALLSEAL_REDIS_PREFIX: access.prefix,
      CALLSEAL_SIGNING_KEYS: JSON.stringify(parts.signing),
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
