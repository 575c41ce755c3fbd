import type { Tenant } from "../../core/tenants/tenant.ts";
import type { TenantDirectory } from "../../core/tenants/tenant-directory.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { VerifyAgentToken } from "./verify-agent-token.ts";

export interface Agent {
  tenant: Tenant;
  /** The API key's id, or `oidc`: who exactly signed in is the issuer's business. */
  keyId: string;
  /** When the sign-in ends; an API key's does not. */
  expiresAtMs?: number;
}

const longestKey = 512;

/**
 * Authenticates an agent console by an API key with scope `agent`, or by a JWT of the tenant's issuer (PROTOCOL §4).
 * Throws `unauthenticated`, `forbidden` for a key without the scope, `unavailable`.
 */
export async function authenticateAgent(
  tenants: TenantDirectory,
  verifyToken: VerifyAgentToken,
  token: unknown,
): Promise<Agent> {
  if (typeof token !== "string" || token === "") throw new CallsealError("unauthenticated");
  const holder = token.length <= longestKey ? tenants.byApiKey(token) : undefined;
  if (!holder) return { ...(await verifyToken(token)), keyId: "oidc" };
  if (!holder.scopes.includes("agent")) throw new CallsealError("forbidden");
  return { tenant: holder.tenant, keyId: holder.keyId };
}
