import { withQuery } from "../../core/http/with-query.ts";
import { resolveLocale } from "../../core/language/resolve-locale.ts";
import type { Session, SessionStatus } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { findSession } from "./find-session.ts";
import type { HostedAnswer, HostedCall } from "./hosted-step.ts";
import { type FailureReason, renderFailure } from "./twiml/render-failure.ts";
import { renderRedirect } from "./twiml/render-redirect.ts";

/** A pending or confirmed session is here only because its own way could not be gone, for example as a fallback. */
const reasons: Readonly<Record<SessionStatus, FailureReason>> = {
  pending: "unavailable",
  confirmed: "unavailable",
  denied: "denied",
  canceled: "canceled",
  timeout: "timeout",
};

/**
 * `/failure`: sends the call on to the tenant's failure URL with `sid` and `reason`, or tells the caller why they are
 * not verified and ends the call. Changes nothing. Throws `not_found`.
 */
export async function explainFailure(context: GatewayContext, call: HostedCall): Promise<HostedAnswer> {
  return failWith(call, await findSession(context, call));
}

export function failWith(call: HostedCall, session: Session): HostedAnswer {
  const { sessionId } = session;
  const reason = reasons[session.status];
  const { failureUrl } = call.settings;
  const twiml =
    failureUrl === undefined
      ? renderFailure(resolveLocale(session.locale, session.locale), reason)
      : renderRedirect(withQuery(failureUrl, { sid: sessionId, reason }));
  return { twiml, outcome: "failure", sessionId };
}
