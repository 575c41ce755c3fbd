import { randomUUID } from "node:crypto";
import type { CloudContext } from "../cloud-context.ts";
import type { Fault } from "../faults/fault-plan.ts";
import type { CallStatus, WebhookPurpose } from "../ledger/ledger-entry.ts";
import { redactUrl } from "../ledger/redact-url.ts";
import { waitReal } from "../scaled-clock.ts";
import type { HttpMethod } from "../twiml/twiml.ts";
import { type ConnectionSettings, readConnectionOverrides } from "./connection-overrides.ts";
import { type HttpAnswer, type HttpFailure, sendOnce } from "./send-once.ts";
import { signedRequest } from "./signed-request.ts";

export interface Webhook {
  callSid: string;
  callStatus: CallStatus;
  accountSid: string;
  purpose: WebhookPurpose;
  /** May carry connection overrides in its fragment. */
  url: string;
  method: HttpMethod;
  parameters: Record<string, string>;
}

export type WebhookResult =
  | { ok: true; httpStatus: number; contentType: string; body: string; url: string }
  | { ok: false; code: number; message: string; url: string };

interface Delivery extends Webhook {
  settings: ConnectionSettings;
  idempotencyToken: string;
  deadline: number;
}

/** Twilio's documentation names no number for error 11215, "too many redirects"; ten is what browsers' ancestors took. */
const MAX_HOPS = 10;

/**
 * Delivers one webhook as Twilio does: signed, with one idempotency token over all its tries, at most 15 s in real time
 * for all of them, retried once after a connection failure unless the URL's fragment says otherwise. Never throws.
 */
export async function deliverWebhook(webhook: Webhook, context: CloudContext): Promise<WebhookResult> {
  const { url, settings } = readConnectionOverrides(webhook.url);
  const deadline = performance.now() + settings.totalMs;
  const delivery: Delivery = { ...webhook, url, settings, idempotencyToken: randomUUID(), deadline };
  for (let attempt = 1; ; attempt += 1) {
    const { answer, url: finalUrl } = await tryOnce(delivery, attempt, context);
    const failed = answer.outcome === "failure" ? answer : asFailure(answer);
    if (answer.outcome === "answer" && !failed) return { ok: true, ...answer, url: finalUrl };
    if (!failed) throw new Error("unreachable: an attempt is an answer or a failure");
    const again = isRetried(failed.class, settings);
    const over = performance.now() >= deadline || context.closing.aborted;
    if (!again || over || attempt > settings.retries) {
      return { ok: false, code: failed.code, message: failed.message, url: finalUrl };
    }
  }
}

function isRetried(failure: HttpFailure["class"], { retryOn }: ConnectionSettings): boolean {
  if (failure === "total") return false;
  return retryOn.has("all") || (failure !== "other" && retryOn.has(failure));
}

async function tryOnce(delivery: Delivery, attempt: number, context: CloudContext) {
  const started = performance.now();
  const { callSid, purpose, method, idempotencyToken } = delivery;
  const facts = { callSid, purpose, method, url: redactUrl(delivery.url), attempt, idempotencyToken };
  context.ledger.append({ type: "webhook.sent", ...facts, callStatus: delivery.callStatus });
  const result = await sendThroughFaults(delivery, context);
  const elapsedMs = performance.now() - started;
  const failed = result.answer.outcome === "failure" ? result.answer : asFailure(result.answer);
  if (failed) {
    const status = result.answer.outcome === "answer" ? { httpStatus: result.answer.httpStatus } : {};
    const { code, message } = failed;
    context.ledger.append({ type: "webhook.failed", ...facts, code, message, elapsedMs, ...status });
    context.logger.warn({ callSid, purpose, code, attempt }, "webhook.failed");
  } else if (result.answer.outcome === "answer") {
    context.ledger.append({ type: "webhook.answered", ...facts, httpStatus: result.answer.httpStatus, elapsedMs });
  }
  return result;
}

async function sendThroughFaults(delivery: Delivery, context: CloudContext) {
  const { callSid, purpose, url } = delivery;
  const target = purpose === "status_callback" ? "status_callback" : "webhook";
  const fault = context.faults.take(target, callSid);
  if (fault) recordFault(fault, callSid, context);
  if (fault?.kind === "drop") return { answer: lost("ct", "dropped by a fault"), url };
  if (fault?.kind === "delay") await waitReal(fault.delayMs, context.closing);
  if (fault?.kind === "duplicate") context.track(followRedirects(delivery, context));
  const result = await followRedirects(delivery, context);
  return fault?.kind === "loseAnswer" ? { answer: lost("rt", "answer lost by a fault"), url: result.url } : result;
}

/** 301, 302 and 303 are followed by GET, 307 and 308 by the same method, each signed anew. */
async function followRedirects(
  delivery: Delivery,
  context: CloudContext,
): Promise<{ answer: HttpAnswer | HttpFailure; url: string }> {
  let { url, method } = delivery;
  for (let hop = 0; hop <= MAX_HOPS; hop += 1) {
    const answer = await sendSigned({ ...delivery, url, method }, context);
    if (answer.outcome === "failure" || ![301, 302, 303, 307, 308].includes(answer.httpStatus)) return { answer, url };
    if (!answer.location || !URL.canParse(answer.location, url)) return { answer, url };
    url = new URL(answer.location, url).href.split("#", 1)[0] ?? url;
    if (answer.httpStatus < 304) method = "GET";
  }
  return { answer: { outcome: "failure", class: "other", code: 11215, message: "too many redirects" }, url };
}

async function sendSigned(delivery: Delivery, context: CloudContext): Promise<HttpAnswer | HttpFailure> {
  const { settings, deadline } = delivery;
  const authToken = context.accounts.get(delivery.accountSid)?.authToken ?? "";
  const outgoing = signedRequest(delivery, authToken);
  if (!outgoing) return { outcome: "failure", class: "other", code: 11100, message: "the URL is not absolute HTTP(S)" };
  return await sendOnce(outgoing, {
    agent: context.agents.for(settings.connectMs),
    readMs: settings.readMs,
    remainingMs: Math.max(1, deadline - performance.now()),
    closing: context.closing,
  });
}

/** Any status but 2xx is error 11200: https://www.twilio.com/docs/api/errors/11200 */
function asFailure(answer: HttpAnswer): HttpFailure | undefined {
  const { httpStatus } = answer;
  if (httpStatus >= 200 && httpStatus < 300) return undefined;
  const message = `answered ${httpStatus}`;
  if (httpStatus >= 500) return { outcome: "failure", class: "5xx", code: 11200, message };
  if (httpStatus >= 400) return { outcome: "failure", class: "4xx", code: 11200, message };
  return { outcome: "failure", class: "other", code: 11200, message };
}

function lost(cls: "ct" | "rt", message: string): HttpFailure {
  return { outcome: "failure", class: cls, code: 11205, message };
}

function recordFault(fault: Readonly<Fault>, callSid: string, context: CloudContext): void {
  const { id, target, kind } = fault;
  context.ledger.append({ type: "fault.injected", faultId: id, target, kind, callSid });
}
