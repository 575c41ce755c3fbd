import type { Request, Response } from "express";
import type { Tenant } from "../../core/tenants/tenant.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { isTerminal, type Session } from "../../core/verification/session.ts";
import { leaveRequests } from "../admission/admit-request.ts";
import type { Release } from "../admission/capacity.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { clampWait, requestedWaitSeconds } from "../http/parse-wait.ts";
import { recordRateLimit } from "./record-rate-limit.ts";

export interface Poll {
  tenant: Tenant;
  sessionId: string;
  correlationId: string;
}

/**
 * Reads a session, waiting for its end as long as the caller asked and its platform bears; the answer comes the moment
 * the session is terminal. Throws `not_found`, `rate_limited`, and `invalid_request` for a wait that is no number.
 */
export async function pollStatus(
  context: GatewayContext,
  poll: Poll,
  http: { request: Request; response: Response },
): Promise<Session> {
  const requestedSeconds = requestedWaitSeconds(http.request);
  const counted = { tenant: poll.tenant.id, most: poll.tenant.limits.pollsPerMinutePerSession };
  const { session, refusal } = await context.sessions.poll(poll.sessionId, counted);
  if (!session) throw new CallsealError("not_found", { detail: "There is no such session." });
  if (refusal) {
    if (refusal.first) recordRefusal(context, poll, session);
    throw refusal;
  }
  if (requestedSeconds === undefined) return session;
  const waitSeconds = clampWait(requestedSeconds, poll.tenant, session.provider);
  const waits = !isTerminal(session.status) && waitSeconds > 0;
  const release = waits ? context.admission.polls.tryTake() : undefined;
  const refused = waits && release === undefined;
  http.response.setHeader("Preference-Applied", `wait=${refused ? 0 : waitSeconds}`);
  // A poll that finds no place to wait is answered like one that does not ask to: an error would be retried at once.
  if (refused) http.response.set("Retry-After", String(context.admission.polls.refusal().retryAfterSeconds));
  if (!release) return session;
  return waitForEnd(context, { ...poll, session, waitMs: waitSeconds * 1000, release }, http.response);
}

function recordRefusal(context: GatewayContext, poll: Poll, session: Session): void {
  const { sessionId, callId, provider } = session;
  recordRateLimit(context, {
    tenant: poll.tenant.id,
    correlationId: poll.correlationId,
    session: { sessionId, callId, provider },
    data: { limit: "polls" },
  });
}

async function waitForEnd(
  context: GatewayContext,
  poll: Poll & { session: Session; waitMs: number; release: Release },
  response: Response,
): Promise<Session> {
  const hungUp = new AbortController();
  const abort = () => hungUp.abort();
  response.once("close", abort);
  response.locals.waited = true;
  leaveRequests(response);
  context.metrics.pollsWaiting.inc();
  try {
    const options = { tenant: poll.tenant.id, waitMs: poll.waitMs, signal: hungUp.signal };
    const session = (await context.waiter.wait(poll.sessionId, options)) ?? poll.session;
    context.metrics.pollsAnswered.inc({ status: session.status });
    return session;
  } finally {
    response.off("close", abort);
    context.metrics.pollsWaiting.dec();
    poll.release();
  }
}
