import type { CallProvider, InterceptOutcome, InterceptRequest } from "../providers/call-provider.ts";
import type { WorkerContext } from "../worker-context.ts";
import type { InterceptAttempt } from "./intercept-attempt.ts";

/**
 * One attempt at the provider. A call that is over is not called; after an attempt whose outcome nobody knows the call is
 * looked up first (PROTOCOL §5), and repeated unless it has ended: the success handler is idempotent.
 */
export async function moveCall(context: WorkerContext, attempt: InterceptAttempt): Promise<InterceptOutcome> {
  const { session, before } = attempt;
  if (session.callEndedAtMs !== undefined) return { outcome: "call_ended", detail: "hung_up" };
  if (attempt.sinceConfirmationMs() >= context.tuning.interceptWindowMs) {
    return { outcome: before === "after_unknown" ? "unknown" : "retryable", detail: "too_late" };
  }
  const provider = context.providers.find(session.tenant, session.provider);
  if (provider === undefined) return { outcome: "rejected", detail: "not_configured" };
  const request = await requestOf(context, attempt);
  if (before === "after_unknown" && (await lookUp(provider, request, context.tuning.lookUpTimeoutMs)) === "ended") {
    return { outcome: "call_ended", detail: "looked_up" };
  }
  return await provider.redirectCall(request);
}

async function lookUp(provider: CallProvider, request: InterceptRequest, timeoutMs: number) {
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
  return await provider.lookUpCall({ ...request, signal });
}

async function requestOf(context: WorkerContext, attempt: InterceptAttempt): Promise<InterceptRequest> {
  const { session, correlationId, signal } = attempt;
  return {
    tenantId: session.tenant,
    sessionId: session.sessionId,
    callId: session.callId,
    provider: session.provider,
    metadata: session.metadata,
    origin: context.originOf(session),
    receipt: await context.issueReceipt(session),
    confirmedAt: new Date(session.confirmedAtMs).toISOString(),
    correlationId,
    signal,
    attempt: session.intercept.attempts,
  };
}
