import type { NextFunction, Request, Response } from "express";
import type { Scope } from "../../core/tenants/tenant.ts";
import type { ApiKeyHolder, TenantDirectory } from "../../core/tenants/tenant-directory.ts";
import { CallsealError } from "../../core/verification/errors.ts";

export interface AuthenticateOptions {
  scope: Scope;
  /** Contact-centre designers cannot always set an Authorization header: the façade takes X-Api-Key as well. */
  acceptApiKeyHeader?: boolean;
}

/** Finds the tenant of the request's API key and its scope, or refuses with 401 or 403. */
export function authenticate(tenants: TenantDirectory, options: AuthenticateOptions) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const key = readKey(request, options.acceptApiKeyHeader ?? false);
    const holder = key === undefined ? undefined : tenants.byApiKey(key);
    if (!holder)
      throw new CallsealError("unauthenticated", { detail: "Send a valid API key as Authorization: Bearer <key>." });
    if (!holder.scopes.includes(options.scope)) {
      throw new CallsealError("forbidden", { detail: `This key does not have the scope "${options.scope}".` });
    }
    response.locals.holder = holder;
    next();
  };
}

function readKey(request: Request, acceptApiKeyHeader: boolean): string | undefined {
  const match = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(request.get("Authorization") ?? "");
  if (match) return match[1];
  return acceptApiKeyHeader ? request.get("X-Api-Key") : undefined;
}

export function holderOf(response: Response): ApiKeyHolder {
  return response.locals.holder as ApiKeyHolder;
}
