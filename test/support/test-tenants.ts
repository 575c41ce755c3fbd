import { randomBytes } from "node:crypto";
import type { Scope, TenantInput } from "../../core/tenants/tenant.ts";

/** API keys of one test tenant: one a scope, so that a test names what it is allowed to do. */
export type TenantKeys = Record<Scope, string>;

export const twilioAccount = `AC${"a1".repeat(16)}`;

export interface TestTenant {
  input: TenantInput;
  keys: TenantKeys;
}

/**
 * A tenant with fresh API keys and, unless told otherwise, the protocol's default policy and limits, Twilio configured
 * with intercept mode `none`, and no other provider.
 */
export function testTenant(overrides: Partial<TenantInput> = {}): TestTenant {
  const id = overrides.id ?? "acme";
  const keys = {
    sessions: newKey(id, "sessions"),
    agent: newKey(id, "agent"),
    admin: newKey(id, "admin"),
    metrics: newKey(id, "metrics"),
  };
  return {
    keys,
    input: {
      name: "Acme Bank",
      apiKeys: Object.entries(keys).map(([scope, key]) => ({ id: `key-${scope}`, key, scopes: [scope as Scope] })),
      providers:
        id === "acme" ? { twilio: { mode: "none", accountSid: twilioAccount, authTokens: ["twilio-auth-token"] } } : {},
      allowInsecureTargets: true,
      ...overrides,
      id,
    },
  };
}

function newKey(tenant: string, scope: string): string {
  return `cs_test_${tenant}_${scope}_${randomBytes(15).toString("base64url")}`;
}
