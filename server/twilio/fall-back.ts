import { withQuery } from "../../core/http/with-query.ts";
import { resolveLocale } from "../../core/language/resolve-locale.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { AtCapacity } from "../admission/capacity.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toCallsealError } from "../http/problem.ts";
import { ownSessionId } from "./find-session.ts";
import type { HostedAnswer, HostedCall } from "./hosted-step.ts";
import { emptyTwiml } from "./note-status.ts";
import { renderUnavailable } from "./twiml/render-unavailable.ts";

/**
 * What a step falls back to when it fails: the tenant's degraded policy, always the failure path (a caller who is there
 * is not verified, whatever else is broken), or nothing (nobody hears the answer).
 */
export type Otherwise = "policy" | "failure" | "nothing";

/** Why a step has no answer of its own. `declined`: the gateway works, and says no. */
export type StepFault = "declined" | "overloaded" | "store_unavailable" | "deadline" | "fault";

export interface FallBack extends HostedAnswer {
  /** Where a caller is led to; absent when nobody is. */
  ledTo?: "success" | "failure";
}

/** Thrown when a step's time is over. */
export class StepDeadline extends Error {}

export function faultOf(error: unknown): StepFault {
  if (error instanceof StepDeadline) return "deadline";
  if (error instanceof AtCapacity) return "overloaded";
  const { code } = toCallsealError(error);
  if (code === "unavailable") return "store_unavailable";
  // An internal fault that nobody foresaw, or ours by name.
  return code === "internal" || !(error instanceof CallsealError) ? "fault" : "declined";
}

/**
 * Leads a caller on when a step has failed (PROTOCOL §6, `degraded`). Under `fail-open` to the success URL with
 * `reason=unavailable` and never a receipt, so that the tenant's flow can tell it from a verification; under
 * `fail-closed`, and for a tenant without a success URL, to the failure URL or a goodbye. Only what the gateway cannot
 * do opens: a request that is declined, such as one over a rate limit, would let a caller choose to be let through.
 */
export function fallBack(
  context: GatewayContext,
  call: HostedCall,
  failed: { otherwise: Otherwise; fault: StepFault },
): FallBack {
  const outcome = failed.fault === "declined" ? "declined" : "degraded";
  if (failed.otherwise === "nothing") return { twiml: emptyTwiml, outcome };
  const { tenant, settings } = call;
  const opens = outcome === "degraded" && failed.otherwise === "policy" && tenant.policy.degraded === "fail-open";
  const ledTo = opens && settings.successUrl !== undefined ? "success" : "failure";
  const target = ledTo === "success" ? settings.successUrl : settings.failureUrl;
  const sessionId = ownSessionId(context, call);
  const nextUrl = target && withQuery(target, { sid: sessionId, reason: "unavailable" });
  const locale = resolveLocale(call.locale, tenant.defaultLocale);
  return { twiml: renderUnavailable(locale, nextUrl), outcome, sessionId, ledTo };
}

/** When nothing else can be rendered: said in English, and never an error status, which would cut the call off. */
export const lastResort: HostedAnswer = {
  twiml:
    '<?xml version="1.0" encoding="UTF-8"?><Response><Say>We are sorry. Verification is not available right now. Goodbye.</Say><Hangup/></Response>',
  outcome: "degraded",
};
