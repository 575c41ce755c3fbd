import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { Tenant } from "../../core/tenants/tenant.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { correlationOf } from "../http/correlation.ts";
import { stepOf } from "./hosted-step.ts";
import { readForm } from "./read-form.ts";
import { verifyTwilioSignature } from "./verify-signature.ts";

/** What Twilio sends about the call: form fields, or the query of a webhook that is configured as GET. */
export type WebhookFields = Readonly<Record<string, unknown>>;

type Refusal = "unreadable_form" | "unknown_account" | "bad_signature";

/**
 * Lets a webhook pass when it is signed with an auth token of the tenant whose `AccountSid` it names (PROTOCOL §3), over
 * the configured public URL and the path and query as received: never over `Host`. Everything else is one 403, which
 * does not tell an account that exists from one that does not.
 */
export function authenticateWebhook(context: GatewayContext): RequestHandler {
  return async (request, response, next) => {
    const refusal = (await takeForm(request)) ? verify(context, request, response) : "unreadable_form";
    if (refusal === undefined) next();
    else refuse(context, { request, response, next, refusal });
  };
}

/** False when the form cannot be read. */
async function takeForm(request: Request): Promise<boolean> {
  try {
    request.body = await readForm(request);
    return true;
  } catch {
    return false;
  }
}

function verify(context: GatewayContext, request: Request, response: Response): Refusal | undefined {
  const { AccountSid: accountSid } = fieldsOf(request);
  const tenant = typeof accountSid === "string" ? context.tenants.byAccountSid(accountSid) : undefined;
  const settings = tenant?.providers.twilio;
  if (!tenant || !settings) return "unknown_account";
  const signed = verifyTwilioSignature({
    authTokens: settings.authTokens,
    signature: request.headers["x-twilio-signature"],
    url: `${context.publicUrl}${request.originalUrl}`,
    // Of a GET the signature covers the URL alone.
    params: request.method === "GET" || request.method === "HEAD" ? {} : fieldsOf(request),
  });
  if (!signed) return "bad_signature";
  response.locals.holder = { tenant, keyId: "twilio", scopes: [] };
  return undefined;
}

/** A body that is no form leaves no fields, and with them no account. */
export function fieldsOf(request: Request): WebhookFields {
  if (request.method === "GET" || request.method === "HEAD") return request.query;
  return (request.body as WebhookFields | undefined) ?? {};
}

export function webhookTenantOf(response: Response): Tenant {
  return (response.locals.holder as { tenant: Tenant }).tenant;
}

/** The reason is for the operator's log alone: most often the public URL is not the one that Twilio is given. */
function refuse(
  context: GatewayContext,
  refused: { request: Request; response: Response; next: NextFunction; refusal: Refusal },
): void {
  const { request, response, next, refusal } = refused;
  const step = stepOf(request.path);
  context.metrics.hostedSteps.inc({ step, outcome: "forbidden" });
  context.logger.info(
    { step, reason: refusal, publicUrl: context.publicUrl, correlationId: correlationOf(response) },
    "webhook.refused",
  );
  next(new CallsealError("forbidden", { detail: "The X-Twilio-Signature is missing or does not fit this request." }));
}
