import type { Scope } from "../tenants/tenant.ts";
import type { ApiKeyHolder, TenantDirectory } from "../tenants/tenant-directory.ts";
import { CallsealError } from "../verification/errors.ts";

/** The key of `Authorization: Bearer <key>` (RFC 6750), or undefined. */
export function readBearerKey(authorization: string | undefined): string | undefined {
  return /^Bearer +([\x21-\x7e]{1,512})$/i.exec(authorization ?? "")?.[1];
}

/** Finds who holds the API key and has the scope. Throws `unauthenticated`, `forbidden`. */
export function authorizeKey(tenants: TenantDirectory, key: string | undefined, scope: Scope): ApiKeyHolder {
  const holder = key === undefined ? undefined : tenants.byApiKey(key);
  if (!holder) {
    throw new CallsealError("unauthenticated", { detail: "Send a valid API key as Authorization: Bearer <key>." });
  }
  if (!holder.scopes.includes(scope)) {
    throw new CallsealError("forbidden", { detail: `This key does not have the scope "${scope}".` });
  }
  return holder;
}
