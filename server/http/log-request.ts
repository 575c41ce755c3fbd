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
      const route = routeOf(request);
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

/** The path is matched whatever its case, and a label must not have as many spellings. */
function routeOf(request: Request): string {
  return request.route ? `${request.baseUrl.toLowerCase()}${String(request.route.path)}` : "unmatched";
}

/** Only what is a session id is logged: nobody knows what else a caller puts into a path. */
function sessionOf(request: Request): { sessionId?: string } {
  const { sessionId } = request.params ?? {};
  return typeof sessionId === "string" && parseSessionId(sessionId) ? { sessionId } : {};
}
