import { Router } from "express";
import { parseSessionId } from "../../core/redis/keys.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { type ProviderName, providerNames } from "../../core/verification/provider-name.ts";
import type { Session } from "../../core/verification/session.ts";
import { admitRequest } from "../admission/admit-request.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { advanceLoop } from "../sessions/advance-loop.ts";
import { cancelSession } from "../sessions/cancel-session.ts";
import { endCall } from "../sessions/end-call.ts";
import { openSession } from "../sessions/open-session.ts";
import { pollStatus } from "../sessions/poll-status.ts";
import { presentCreated, presentStatus } from "../sessions/present-session.ts";
import { authenticate, holderOf } from "./authenticate.ts";
import { correlationOf } from "./correlation.ts";
import { jsonBody, parse } from "./parse-body.ts";
import { sendJson } from "./send-json.ts";
import { callEndedBody, callId, createSessionBody, emptyBody, loopBody } from "./session-schemas.ts";

/** The session API of PROTOCOL §2, for IVRs. */
export function sessionsRouter(context: GatewayContext): Router {
  const router = Router();
  router.use(authenticate(context.tenants, { scope: "sessions" }));
  router.use(admitRequest(context.admission.requests));
  router.use((_request, response, next) => {
    response.setHeader("Cache-Control", "no-store");
    next();
  });

  router.post("/sessions", jsonBody(), async (request, response) => {
    const body = parse(createSessionBody, request.body);
    const opened = await openSession(context, holderOf(response), { ...body, correlationId: correlationOf(response) });
    response.status(opened.created ? 201 : 200);
    sendJson(response, presentCreated(opened.session));
  });

  router.get("/sessions/:sessionId", async (request, response) => {
    const poll = { ...callerOf(response), sessionId: sessionIdOf(request.params) };
    const session = await pollStatus(context, poll, { request, response });
    sendJson(response, await presentStatus(session, context.issueReceipt));
  });

  router.get("/calls/:provider/:callId", async (request, response) => {
    const latest = await context.sessions.readLatest({
      tenant: holderOf(response).tenant.id,
      ...callOf(request.params),
    });
    if (!latest) throw new CallsealError("not_found", { detail: "This call has no session." });
    const session = await pollStatus(
      context,
      { ...callerOf(response), sessionId: latest.sessionId },
      { request, response },
    );
    sendJson(response, await presentStatus(session, context.issueReceipt));
  });

  router.post("/sessions/:sessionId/cancel", jsonBody(), async (request, response) => {
    parse(emptyBody, request.body);
    const session = await cancelSession(context, { ...callerOf(response), sessionId: sessionIdOf(request.params) });
    sendJson(response, await presentStatus(session, context.issueReceipt));
  });

  router.post("/sessions/:sessionId/loop", jsonBody(), async (request, response) => {
    const turn = parse(loopBody, request.body);
    response.json(
      await advanceLoop(context, { ...callerOf(response), sessionId: sessionIdOf(request.params), ...turn }),
    );
  });

  router.post("/sessions/:sessionId/call-ended", jsonBody(), async (request, response) => {
    const end = parse(callEndedBody.optional(), request.body) ?? {};
    const session: Session = await endCall(context, {
      ...callerOf(response),
      sessionId: sessionIdOf(request.params),
      end,
    });
    sendJson(response, await presentStatus(session, context.issueReceipt));
  });

  router.get("/verifications", async (request, response) => {
    const { caseId } = request.query;
    if (typeof caseId !== "string" || caseId.length < 1 || caseId.length > 256) {
      throw new CallsealError("invalid_request", {
        detail: "Name one case: ?caseId=",
        errors: [{ pointer: "/caseId", message: "is missing" }],
      });
    }
    const { tenant } = holderOf(response);
    const listed =
      tenant.policy.late === "recently-verified"
        ? await context.cases.list(tenant.id, caseId, context.clock.now())
        : [];
    response.json({ verifications: listed });
  });

  return router;
}

function callerOf(response: Parameters<typeof holderOf>[0]) {
  return { tenant: holderOf(response).tenant, correlationId: correlationOf(response) };
}

/** A text that cannot be a session id names no session: 404, like one that does not exist. */
export function sessionIdOf(params: { sessionId?: string | string[] }): string {
  const { sessionId } = params;
  if (typeof sessionId !== "string" || !parseSessionId(sessionId))
    throw new CallsealError("not_found", { detail: "There is no such session." });
  return sessionId;
}

function callOf(params: { provider: string; callId: string }): { provider: ProviderName; callId: string } {
  const provider = providerNames.find((name) => name === params.provider);
  if (!provider || !callId.safeParse(params.callId).success)
    throw new CallsealError("not_found", { detail: "This call has no session." });
  return { provider, callId: params.callId };
}
