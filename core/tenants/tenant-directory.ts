import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { ConfigError } from "../config/config.ts";
import type { ProviderName } from "../verification/provider-name.ts";
import { type Scope, type Tenant, type TenantInput, tenantsFileSchema } from "./tenant.ts";

export interface ApiKeyHolder {
  tenant: Tenant;
  keyId: string;
  scopes: readonly Scope[];
}

/** The tenants of this deployment, found by id, API key or Twilio account. */
export interface TenantDirectory {
  all: readonly Tenant[];
  byId(id: string): Tenant | undefined;
  /** Found by the key's SHA-256, so the comparison says nothing about the keys that exist. */
  byApiKey(key: string): ApiKeyHolder | undefined;
  byAccountSid(accountSid: string): Tenant | undefined;
  /** API keys that stand in the file in clear, as `tenant/key`. */
  clearKeys: readonly string[];
}

export function createTenantDirectory(tenants: readonly Tenant[]): TenantDirectory {
  const byId = new Map(tenants.map((tenant) => [tenant.id, tenant]));
  const byHash = new Map<string, ApiKeyHolder>();
  const byAccount = new Map<string, Tenant>();
  const clearKeys: string[] = [];
  const faults: string[] = [];
  for (const tenant of tenants) {
    for (const { id, key, sha256, scopes } of tenant.apiKeys) {
      const hash = sha256 ?? hashKey(key ?? "");
      if (byHash.has(hash)) faults.push(`${tenant.id}/${id}: this API key is used twice`);
      byHash.set(hash, { tenant, keyId: id, scopes });
      if (key !== undefined) clearKeys.push(`${tenant.id}/${id}`);
    }
    if (tenant.providers.twilio) byAccount.set(tenant.providers.twilio.accountSid, tenant);
  }
  if (faults.length > 0) throw new ConfigError("The tenants file is not usable:", faults);
  return {
    all: tenants,
    byId: (id) => byId.get(id),
    byApiKey: (key) => byHash.get(hashKey(key)),
    byAccountSid: (accountSid) => byAccount.get(accountSid),
    clearKeys,
  };
}

function hashKey(key: string): string {
  return hash("sha256", key, "hex");
}

/** Parses a tenants file; throws a ConfigError that names every fault by its path. */
export function parseTenants(json: unknown): Tenant[] {
  const parsed = tenantsFileSchema.safeParse(json);
  if (parsed.success) return parsed.data.tenants;
  throw new ConfigError(
    "The tenants file is not usable:",
    parsed.error.issues.map((issue) => `${issue.path.join(".") || "(root)"}: ${issue.message}`),
  );
}

export function readTenantsFile(path: string): Tenant[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new ConfigError("The tenants file is not usable:", [
      `${path}: cannot be read (${(cause as NodeJS.ErrnoException).code})`,
    ]);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ConfigError("The tenants file is not usable:", [`${path}: is not JSON`]);
  }
  return parseTenants(json);
}

/** How a tenant's confirmed calls of a provider are moved; a provider that is not configured polls. */
export function interceptMode(tenant: Tenant, provider: ProviderName): "direct" | "webhook" | "none" {
  if (provider === "agent") return "none";
  return tenant.providers[provider]?.mode ?? "none";
}

/** The tenant of a development deployment without a tenants file. */
export function demoTenant(keys: { sessions: string; admin: string }): TenantInput {
  return {
    id: "demo",
    name: "Demo Bank",
    apiKeys: [
      { id: "ivr", key: keys.sessions, scopes: ["sessions"] },
      { id: "ops", key: keys.admin, scopes: ["admin", "metrics", "agent"] },
    ],
    allowInsecureTargets: true,
  };
}
