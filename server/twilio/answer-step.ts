import type { RequestHandler, Response } from "express";
import type { GatewayContext } from "../gateway-context.ts";
import { correlationOf } from "../http/correlation.ts";
import { toCallsealError } from "../http/problem.ts";
import type { DegradedUses } from "./degraded-uses.ts";
import {
  type FallBack,
  fallBack,
  faultOf,
  lastResort,
  type Otherwise,
  StepDeadline,
  type StepFault,
} from "./fall-back.ts";
import type { HostedAnswer, HostedCall, StepLabel } from "./hosted-step.ts";
import { readCall } from "./read-call.ts";

export interface Step {
  name: StepLabel;
  /** Milliseconds until the caller is led on without it; Twilio gives up after 15 s (error 11205). */
  deadlineMs: number;
  otherwise: Otherwise;
  answer: (context: GatewayContext, call: HostedCall) => Promise<HostedAnswer>;
  /** Hears of a session whose caller was led on without an answer, because the gateway could not give one. */
  degraded?: (sessionId: string) => void;
}

/** What happened to one webhook, for its one log event. */
interface Answered {
  answer: HostedAnswer;
  call?: HostedCall;
  fault?: StepFault;
  error?: unknown;
}

/**
 * Answers one step: `200` with TwiML that leads somewhere safe, in time, whatever fails inside, because an error status
 * would end the caller's call (PROTOCOL §3).
 */
export function answerStep(context: GatewayContext, step: Step, degradedUses: DegradedUses): RequestHandler {
  return async (request, response) => {
    const startedAt = performance.now();
    const over = new AbortController();
    response.once("close", () => over.abort());
    let answered: Answered;
    try {
      const call = readCall(request, response, over.signal);
      answered = await performStep(context, step, call);
    } catch (error) {
      answered = { answer: lastResort, fault: "fault", error };
    }
    over.abort();
    response.set("Cache-Control", "no-store").type("text/xml").send(answered.answer.twiml);
    recordUse(step, answered, degradedUses);
    const { outcome, sessionId } = answered.answer;
    if (outcome === "degraded" && sessionId !== undefined) step.degraded?.(sessionId);
    context.metrics.hostedSteps.inc({ step: step.name, outcome: answered.answer.outcome });
    logAnswer(context, step, { ...answered, response, durationMs: performance.now() - startedAt });
  };
}

async function performStep(context: GatewayContext, step: Step, call: HostedCall): Promise<Answered> {
  try {
    const release = context.admission.requests.take();
    // A step that is over its time is still under way.
    const work = step.answer(context, call).finally(release);
    return { answer: await inTime(work, step.deadlineMs), call };
  } catch (error) {
    const fault = faultOf(error);
    return { answer: fallBack(context, call, { otherwise: step.otherwise, fault }), call, fault, error };
  }
}

/** What comes too late is dropped: steps may be repeated, so what they did is found by the next one. */
async function inTime<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new StepDeadline(`no answer within ${deadlineMs} ms`)), deadlineMs);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function recordUse(step: Step, { answer, call, fault }: Answered, degradedUses: DegradedUses): void {
  const { ledTo } = answer as FallBack;
  if (answer.outcome !== "degraded" || call === undefined || ledTo === undefined) return;
  const { tenant, callSid, correlationId } = call;
  const { sessionId } = answer;
  const known = sessionId !== undefined && callSid !== undefined;
  degradedUses.record({
    tenant: tenant.id,
    correlationId,
    ...(known ? { session: { sessionId, callId: callSid, provider: "twilio" } } : {}),
    data: {
      step: step.name,
      policy: tenant.policy.degraded,
      cause: fault,
      ledTo,
      ...(known ? {} : { callId: callSid, provider: "twilio" }),
    },
  });
}

function logAnswer(
  context: GatewayContext,
  step: Step,
  done: Answered & { response: Response; durationMs: number },
): void {
  const { answer, call, fault, error } = done;
  const { ledTo } = answer as FallBack;
  const fields = {
    step: step.name,
    outcome: answer.outcome,
    tenant: call?.tenant.id,
    callId: call?.callSid,
    sessionId: answer.sessionId,
    correlationId: correlationOf(done.response),
    durationMs: Math.round(done.durationMs * 100) / 100,
    ...(call?.errorCode === undefined ? {} : { errorCode: call.errorCode }),
    ...(fault === undefined ? {} : { fault, ledTo }),
    // A refusal is expected and needs no stack.
    ...(fault === "declined" ? { detail: toCallsealError(error).message } : {}),
    ...(answer.outcome === "degraded" ? { err: error } : {}),
  };
  if (answer.outcome !== "degraded") context.logger.info(fields, "step.answered");
  else context.logger[fault === "fault" ? "error" : "warn"](fields, "step.degraded");
}
