import type { NextFunction, Request, Response } from "express";
import type { ApiKeyHolder } from "../../core/tenants/tenant-directory.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { correlationOf } from "./correlation.ts";

/** One wide log event and one metric a request. The query is left out: nobody knows what a caller puts there. */
export function logRequest(context: GatewayContext) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const startedAt = performance.now();
    response.once("close", () => {
      const durationMs = Math.round((performance.now() - startedAt) * 100) / 100;
      const route = request.route ? `${request.baseUrl}${String(request.route.path)}` : "unmatched";
      const holder = response.locals.holder as ApiKeyHolder | undefined;
      context.metrics.requests.inc({ route, status: response.statusCode });
      context.metrics.requestSeconds.observe({ route }, durationMs / 1000);
      context.logger.info(
        {
          method: request.method,
          route,
          status: response.statusCode,
          durationMs,
          correlationId: correlationOf(response),
          ...(holder ? { tenant: holder.tenant.id, keyId: holder.keyId } : {}),
          ...(request.params?.sessionId ? { sessionId: request.params.sessionId } : {}),
          ...(response.writableFinished ? {} : { hungUp: true }),
        },
        "request.completed",
      );
    });
    next();
  };
}
