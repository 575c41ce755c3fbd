import { randomUUID } from "node:crypto";
import type { CloudContext } from "../cloud-context.ts";
import type { Fault } from "../faults/fault-plan.ts";
import { redactUrl } from "../ledger/redact-url.ts";
import { waitReal } from "../scaled-clock.ts";
import { type ConnectionSettings, readConnectionOverrides } from "./connection-overrides.ts";
import { followRedirects, type HttpOutcome } from "./follow-redirects.ts";
import type { HttpAnswer, HttpFailure } from "./send-once.ts";
import type { Delivery, Webhook } from "./webhook.ts";

/** `url` is where the answer came from, after redirects and without a fragment. */
export type WebhookResult =
  | { ok: true; httpStatus: number; contentType: string; body: string; url: string }
  | { ok: false; code: number; message: string; url: string };

/**
 * Delivers one webhook as Twilio does: signed, with one idempotency token over all its tries, at most 15 s in real time
 * for all of them, retried once after a connection failure unless the URL's fragment says otherwise. Never throws.
 */
export async function deliverWebhook(webhook: Webhook, context: CloudContext): Promise<WebhookResult> {
  const { url, settings } = readConnectionOverrides(webhook.url);
  const deadline = performance.now() + settings.totalMs;
  const delivery: Delivery = { ...webhook, url, settings, idempotencyToken: randomUUID(), deadline };
  for (let attempt = 1; ; attempt += 1) {
    const tried = await tryOnce(delivery, attempt, context);
    if (tried.outcome === "answer") return { ok: true, ...tried };
    const over = performance.now() >= deadline || context.closing.aborted;
    if (over || attempt > settings.retries || !isRetried(tried.class, settings)) {
      return { ok: false, code: tried.code, message: tried.message, url: tried.url };
    }
  }
}

function isRetried(failure: HttpFailure["class"], { retryOn }: ConnectionSettings): boolean {
  if (failure === "total") return false;
  return retryOn.has("all") || (failure !== "other" && retryOn.has(failure));
}

async function tryOnce(delivery: Delivery, attempt: number, context: CloudContext): Promise<HttpOutcome> {
  const started = performance.now();
  const { callSid, purpose, method, idempotencyToken } = delivery;
  const facts = { callSid, purpose, method, url: redactUrl(delivery.url), attempt, idempotencyToken };
  context.ledger.append({ type: "webhook.sent", ...facts, callStatus: delivery.callStatus });
  const result = await sendThroughFaults(delivery, context);
  const elapsedMs = performance.now() - started;
  const failed = result.outcome === "answer" ? statusFailure(result) : result;
  const httpStatus = result.outcome === "answer" ? result.httpStatus : undefined;
  if (!failed) {
    context.ledger.append({ type: "webhook.answered", ...facts, httpStatus: httpStatus ?? 200, elapsedMs });
    return result;
  }
  const { code, message } = failed;
  const seen = httpStatus === undefined ? {} : { httpStatus };
  context.ledger.append({ type: "webhook.failed", ...facts, code, message, elapsedMs, ...seen });
  context.logger.warn({ callSid, purpose, code, attempt }, "webhook.failed");
  return { ...failed, url: result.url };
}

async function sendThroughFaults(delivery: Delivery, context: CloudContext): Promise<HttpOutcome> {
  const { callSid, purpose, url } = delivery;
  const target = purpose === "status_callback" ? "status_callback" : "webhook";
  const fault = context.faults.take(target, callSid);
  if (fault) recordFault(fault, callSid, context);
  if (fault?.kind === "drop") return { ...lost("ct", "dropped by a fault"), url };
  if (fault?.kind === "delay") await waitReal(fault.delayMs, context.closing);
  if (fault?.kind === "duplicate") context.track(followRedirects(delivery, context));
  const result = await followRedirects(delivery, context);
  return fault?.kind === "loseAnswer" ? { ...lost("rt", "answer lost by a fault"), url: result.url } : result;
}

/** Any status but 2xx is error 11200: https://www.twilio.com/docs/api/errors/11200 */
function statusFailure({ httpStatus }: HttpAnswer): HttpFailure | undefined {
  if (httpStatus >= 200 && httpStatus < 300) return undefined;
  const failure = { outcome: "failure", code: 11200, message: `answered ${httpStatus}` } as const;
  if (httpStatus >= 500) return { ...failure, class: "5xx" };
  return { ...failure, class: httpStatus >= 400 ? "4xx" : "other" };
}

function lost(cls: "ct" | "rt", message: string): HttpFailure {
  return { outcome: "failure", class: cls, code: 11205, message };
}

function recordFault(fault: Readonly<Fault>, callSid: string, context: CloudContext): void {
  const { id, target, kind } = fault;
  context.ledger.append({ type: "fault.injected", faultId: id, target, kind, callSid });
}
