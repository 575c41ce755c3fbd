import { Router } from "express";
import { spacedDigits } from "../../core/language/spoken-digits.ts";
import type { Tenant } from "../../core/tenants/tenant.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { isTerminal, type Session } from "../../core/verification/session.ts";
import { admitRequest } from "../admission/admit-request.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { openSession } from "../sessions/open-session.ts";
import { pollStatus } from "../sessions/poll-status.ts";
import { promptsOf } from "../sessions/present-session.ts";
import { authenticate, holderOf } from "./authenticate.ts";
import { correlationOf } from "./correlation.ts";
import { jsonBody, parse } from "./parse-body.ts";
import { flatSessionBody } from "./session-schemas.ts";
import { sessionIdOf } from "./sessions-router.ts";

/** Seconds until the next poll makes sense: at once while the flow long-polls, a breath apart when it does not. */
const pollAfterSeconds = 2;

/**
 * The flat façade of PROTOCOL §2 for contact-centre flow designers, which branch on flat values and badly on HTTP
 * errors: business outcomes are always 200. CXone's REST action sends its JSON as a form unless told otherwise.
 */
export function flatRouter(context: GatewayContext): Router {
  const router = Router();
  router.use(authenticate(context.tenants, { scope: "sessions", acceptApiKeyHeader: true }));
  router.use(admitRequest(context.admission.requests));
  router.use((_request, response, next) => {
    response.set("Cache-Control", "no-store");
    next();
  });

  router.post("/", jsonBody(["application/json", "application/x-www-form-urlencoded"]), async (request, response) => {
    const body = parse(flatSessionBody, request.body);
    const { tenant } = holderOf(response);
    const opening = { ...body, correlationId: correlationOf(response) };
    const session = await openOrLatest(context, holderOf(response), opening);
    const pending = session.status === "pending";
    response.json({
      ...flatStatus(session, tenant),
      ...(pending ? { did: session.did, didSpoken: spacedDigits(session.did), ...promptsOf(session) } : emptyPrompts),
      ttlSeconds: session.ttlSeconds,
    });
  });

  router.get("/:sessionId", async (request, response) => {
    const { tenant } = holderOf(response);
    const poll = { tenant, sessionId: sessionIdOf(request.params), correlationId: correlationOf(response) };
    response.json(flatStatus(await pollStatus(context, poll, { request, response }), tenant));
  });
  return router;
}

/** A designer's expression that reads a missing value fails, so a session without a code says so with empty texts. */
const emptyPrompts = { did: "", didSpoken: "", speak: "", loop: "" };

async function openOrLatest(
  context: GatewayContext,
  holder: ReturnType<typeof holderOf>,
  opening: Parameters<typeof openSession>[2],
): Promise<Session> {
  try {
    return (await openSession(context, holder, opening)).session;
  } catch (error) {
    const business =
      error instanceof CallsealError && (error.code === "session_terminal" || error.code === "reissue_exhausted");
    if (!business) throw error;
    const session = await context.sessions.readLatest({ tenant: holder.tenant.id, ...opening });
    if (!session) throw error;
    return session;
  }
}

function flatStatus(session: Session, tenant: Tenant) {
  const leftMs = isTerminal(session.status) ? 0 : Math.max(0, session.expiresAtMs - session.readAtMs);
  return {
    sessionId: session.sessionId,
    status: session.status === "timeout" ? "expired" : session.status,
    terminal: isTerminal(session.status),
    canReissue: session.status === "timeout" && session.reissues < tenant.policy.maxReissues,
    ttlSeconds: session.ttlSeconds,
    expiresInSeconds: Math.ceil(leftMs / 1000),
    pollAfterSeconds: isTerminal(session.status) ? 0 : pollAfterSeconds,
  };
}
