import { resolveLocale } from "../../core/language/resolve-locale.ts";
import type { PendingSession, Session } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";
import type { HostedAnswer } from "./hosted-step.ts";
import { stepUrl } from "./step-urls.ts";
import { renderPrompt } from "./twiml/render-prompt.ts";
import { renderRedirect } from "./twiml/render-redirect.ts";

/** Where a call goes from here: on to its end when the session has one, else the prompt of the given turn. */
export function leadOn(context: GatewayContext, session: Session, turn: number): HostedAnswer {
  const { sessionId } = session;
  switch (session.status) {
    case "pending":
      return { twiml: promptOf(context, session, turn), outcome: "prompt", sessionId };
    case "confirmed":
      return { twiml: renderRedirect(stepUrl(context, "success", { sid: sessionId })), outcome: "success", sessionId };
    case "denied":
    case "canceled":
    case "timeout":
      return { twiml: renderRedirect(stepUrl(context, "failure", { sid: sessionId })), outcome: "failure", sessionId };
  }
}

function promptOf(context: GatewayContext, session: PendingSession, turn: number): string {
  return renderPrompt({
    locale: resolveLocale(session.locale, session.locale),
    did: session.did,
    waitUrl: stepUrl(context, "wait", { loop: String(turn), sid: session.sessionId }),
    heard: turn - 1,
    remainingSeconds: (session.expiresAtMs - session.readAtMs) / 1000,
  });
}
