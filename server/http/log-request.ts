import type { NextFunction, Request, Response } from "express";
import { parseSessionId } from "../../core/redis/keys.ts";
import type { ApiKeyHolder } from "../../core/tenants/tenant-directory.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { correlationOf } from "./correlation.ts";

/** One wide log event and one metric a request. The query is left out: nobody knows what a caller puts there. */
export function logRequest(context: GatewayContext) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const startedAt = performance.now();
    response.once("close", () => {
      const durationMs = Math.round((performance.now() - startedAt) * 100) / 100;
      const route = routeOf(request, response);
      const holder = response.locals.holder as ApiKeyHolder | undefined;
      context.metrics.requests.inc({ route, status: response.statusCode });
      if (!response.locals.waited) context.metrics.requestSeconds.observe({ route }, durationMs / 1000);
      context.logger.info(
        {
          method: request.method,
          route,
          status: response.statusCode,
          durationMs,
          correlationId: correlationOf(response),
          ...(holder ? { tenant: holder.tenant.id, keyId: holder.keyId } : {}),
          ...sessionOf(request),
          ...(response.writableFinished ? {} : { hungUp: true }),
        },
        "request.completed",
      );
    });
    next();
  };
}

/** Notes where a router is mounted: the request forgets it when the router ends in an error. */
export function noteMount(path: string) {
  return (_request: Request, response: Response, next: NextFunction): void => {
    response.locals.mount = path;
    next();
  };
}

/** A closed set: as the routes are written, not as the request spells them. */
function routeOf(request: Request, response: Response): string {
  return request.route ? `${response.locals.mount ?? ""}${String(request.route.path)}` : "unmatched";
}

/** Only what is a session id is logged: nobody knows what else a caller puts into a path. */
function sessionOf(request: Request): { sessionId?: string } {
  const { sessionId } = request.params ?? {};
  return typeof sessionId === "string" && parseSessionId(sessionId) ? { sessionId } : {};
}
