import express, { type Express } from "express";
import type { GatewayContext } from "./gateway-context.ts";
import { adminRouter } from "./http/admin-router.ts";
import { correlate } from "./http/correlation.ts";
import { enrolmentsRouter } from "./http/enrolments-router.ts";
import { flatRouter } from "./http/flat-router.ts";
import { logRequest, noteMount } from "./http/log-request.ts";
import { operationsRouter, type Readiness } from "./http/operations-router.ts";
import { notFoundHandler, problemHandler } from "./http/problem.ts";
import { sessionsRouter } from "./http/sessions-router.ts";
import { twilioRouter } from "./twilio/twilio-router.ts";

export interface AppOptions {
  trustProxy: boolean | number | string;
  checkReadiness: () => Promise<Readiness>;
}

/** Every HTTP door of the gateway. */
export function createApp(context: GatewayContext, options: AppOptions): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("trust proxy", options.trustProxy);
  app.set("query parser", "simple");
  app.use(correlate);
  app.use(context.requestsUnderWay.count);
  app.use(logRequest(context));
  app.use((_request, response, next) => {
    response.setHeader("X-Content-Type-Options", "nosniff");
    next();
  });
  const routers = {
    "/scramble/caller/v1": sessionsRouter(context),
    "/scramble/device/v1": enrolmentsRouter(context),
    "/ivr/sessions": flatRouter(context),
    "/ivr/verify": twilioRouter(context),
    "/admin/v1": adminRouter(context),
  };
  for (const [path, router] of Object.entries(routers)) app.use(path, noteMount(path), router);
  app.use(operationsRouter(context, options.checkReadiness));
  app.use(notFoundHandler);
  app.use(problemHandler(context.logger));
  return app;
}
