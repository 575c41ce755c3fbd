import { withQuery } from "../../core/http/with-query.ts";
import { resolveLocale } from "../../core/language/resolve-locale.ts";
import type { ConfirmedSession } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { failWith } from "./explain-failure.ts";
import { findSession } from "./find-session.ts";
import type { HostedAnswer, HostedCall } from "./hosted-step.ts";
import { retryWhileAway } from "./retry-while-away.ts";
import { renderRedirect } from "./twiml/render-redirect.ts";
import { renderVerified } from "./twiml/render-verified.ts";

/**
 * `/success`: the call has arrived, so its intercept is delivered; sends it on to the tenant's success URL with `sid`
 * and `receipt`, or says that the caller is verified when the tenant has none. A session that is not confirmed is
 * answered as by `/failure`. Fetched again it answers the same and records nothing new. While the store is away it waits
 * for it: whoever comes here was confirmed a moment ago, and would be led to the failure path by a failover. Throws
 * `not_found`.
 */
export async function deliverSuccess(context: GatewayContext, call: HostedCall): Promise<HostedAnswer> {
  const session = await retryWhileAway(() => findSession(context, call), call.signal);
  if (session.status !== "confirmed") return failWith(call, session);
  // Whoever was led on meanwhile did not arrive.
  call.signal.throwIfAborted();
  await noteDelivery(context, call, session);
  const { sessionId } = session;
  const { successUrl } = call.settings;
  if (successUrl === undefined) {
    return { twiml: renderVerified(resolveLocale(session.locale, session.locale)), outcome: "success", sessionId };
  }
  const receipt = await context.issueReceipt(session);
  return { twiml: renderRedirect(withQuery(successUrl, { sid: sessionId, receipt })), outcome: "success", sessionId };
}

/** The caller is verified whether this can be written or not: what is not recorded here, the worker records. */
async function noteDelivery(context: GatewayContext, call: HostedCall, session: ConfirmedSession): Promise<void> {
  const { sessionId } = session;
  const { correlationId } = call;
  try {
    await context.sessions.completeIntercept(sessionId, {
      token: "",
      result: "succeeded",
      correlationId,
      event: { seen: "success_fetched" },
    });
  } catch (err) {
    context.logger.warn({ err, sessionId, correlationId }, "delivery.unrecorded");
  }
}
