import type { NextFunction, Request, Response } from "express";
import { authorizeKey, readBearerKey } from "../../core/http/authorize-key.ts";
import type { Scope } from "../../core/tenants/tenant.ts";
import type { ApiKeyHolder, TenantDirectory } from "../../core/tenants/tenant-directory.ts";

export interface AuthenticateOptions {
  scope: Scope;
  /** Contact-centre designers cannot always set an Authorization header: the façade takes X-Api-Key as well. */
  acceptApiKeyHeader?: boolean;
}

/** Finds the tenant of the request's API key and its scope, or refuses with 401 or 403. */
export function authenticate(tenants: TenantDirectory, options: AuthenticateOptions) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const key = readKey(request, options.acceptApiKeyHeader ?? false);
    response.locals.holder = authorizeKey(tenants, key, options.scope);
    next();
  };
}

function readKey(request: Request, acceptApiKeyHeader: boolean): string | undefined {
  const bearer = readBearerKey(request.get("Authorization"));
  if (bearer !== undefined) return bearer;
  return acceptApiKeyHeader ? request.get("X-Api-Key") : undefined;
}

export function holderOf(response: Response): ApiKeyHolder {
  return response.locals.holder as ApiKeyHolder;
}
