import type { CloudContext } from "../cloud-context.ts";
import { SandboxError } from "../sandbox-error.ts";
import type { HttpMethod } from "../twiml/twiml.ts";
import { postStatusCallback } from "../webhooks/post-status-callback.ts";
import type { StatusEvent } from "../webhooks/status-event.ts";
import { type CallRegister, newCallSid } from "./call-register.ts";
import { conductCall } from "./conduct-call.ts";
import { type CallEnd, type DocumentSource, LiveCall } from "./live-call.ts";

/**
 * `From` of a caller who withholds the number. Twilio used to send the word's keys, `+266696687`, and passes the word
 * itself on since its change of 2022-11-16; both are in the field, and the keys look like a number.
 * Source: https://www.twilio.com/en-us/changelog/upcoming-changes-to-withheld-caller-ids-behavior-for-dial-calls
 */
export const WITHHELD_FROM = { word: "anonymous", keys: "+266696687" } as const;

export interface PlaceCallRequest {
  /** An account of this cloud; default its first. */
  accountSid?: string;
  to: string;
  /** Default: `anonymous`, a caller who withholds the number. */
  from?: string;
  /** Absolute HTTP(S) URL that answers TwiML; a fragment may override the connection (`#rc=2&rp=ct,5xx`). */
  voiceUrl: string;
  /** Default `POST`. */
  voiceMethod?: HttpMethod;
  fallbackUrl?: string;
  fallbackMethod?: HttpMethod;
  statusCallback?: string;
  statusCallbackMethod?: HttpMethod;
  /** Default `["completed"]`, Twilio's own default. */
  statusCallbackEvents?: readonly StatusEvent[];
  /** For example `TN-Validation-Passed-A`; absent: the parameter is not sent. */
  stirVerstat?: string;
}

export interface Placement {
  request: Omit<PlaceCallRequest, "voiceUrl" | "voiceMethod">;
  direction: "inbound" | "outbound-api";
  first: DocumentSource;
}

/** Starts a call; it is conducted in the background until it ends. Throws `SandboxError` `invalid_request`. */
export function placeCall(
  { request, direction, first }: Placement,
  calls: CallRegister,
  context: CloudContext,
): LiveCall {
  const accountSid = request.accountSid ?? context.accounts.keys().next().value ?? "";
  if (context.closing.aborted) throw new SandboxError("closed", "the voice cloud is closed");
  if (!context.accounts.has(accountSid)) throw new SandboxError("invalid_request", "accountSid is not of this cloud");
  for (const url of [first.from === "url" ? first.url : undefined, request.fallbackUrl, request.statusCallback]) {
    if (url !== undefined && !isHttpUrl(url))
      throw new SandboxError("invalid_request", "a URL is not absolute HTTP(S)");
  }
  const { to, stirVerstat } = request;
  const from = request.from ?? WITHHELD_FROM.word;
  const call = new LiveCall(
    {
      sid: newCallSid(),
      ...{ accountSid, direction, from, to, stirVerstat },
      status: direction === "inbound" ? "ringing" : "queued",
      fallback: request.fallbackUrl
        ? { url: request.fallbackUrl, method: request.fallbackMethod ?? "POST" }
        : undefined,
      statusCallback: request.statusCallback
        ? {
            url: request.statusCallback,
            method: request.statusCallbackMethod ?? "POST",
            events: request.statusCallbackEvents ?? ["completed"],
          }
        : undefined,
    },
    (changed, end) => recordStatus(changed, end, context),
  );
  calls.add(call);
  context.ledger.append({ type: "call.placed", callSid: call.sid, accountSid, direction, to, from });
  recordStatus(call, undefined, context);
  context.track(conductCall(call, first, context));
  return call;
}

export function isHttpUrl(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) && url.length <= 4096;
}

function recordStatus(call: LiveCall, end: CallEnd | undefined, context: CloudContext): void {
  const { sid: callSid, status } = call;
  context.ledger.append({ type: "call.status", callSid, status });
  if (end) {
    context.ledger.append({ type: "call.ended", callSid, ...end });
    context.logger.info({ callSid, status, reason: end.reason, durationMs: Math.round(end.durationMs) }, "call.ended");
  }
  postStatusCallback(call, context);
}
