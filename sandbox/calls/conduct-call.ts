import type { CloudContext } from "../cloud-context.ts";
import { redactUrl } from "../ledger/redact-url.ts";
import type { DocumentSource, LiveCall } from "./live-call.ts";
import { type DocumentError, type ObtainedDocument, obtainDocument } from "./obtain-document.ts";
import { playDocument } from "./play-document.ts";

/** A call that asked for more documents than this is going in circles. */
const MAX_DOCUMENTS = 1000;
/** How long an outbound call rings, in caller time. */
const RING_MS = 1000;

/**
 * Conducts one call from its first document to its end: fetch, play, go where the document, the keys or the REST API
 * lead. A document that cannot be had is asked of the fallback URL, once; without one the call ends with an
 * application error, as https://www.twilio.com/docs/availability-reliability says.
 */
export async function conductCall(call: LiveCall, first: DocumentSource, context: CloudContext): Promise<void> {
  if (call.direction === "outbound-api") await ring(call, context);
  let source: DocumentSource | undefined = first;
  for (let count = 0; source && !call.isOver; count += 1) {
    if (count === MAX_DOCUMENTS) {
      call.end("runaway", "completed");
      return;
    }
    const signal = call.startRun();
    const next: DocumentSource | undefined = await performStep(call, source, signal, context);
    source = call.takeRedirect() ?? next;
  }
  call.end("document_finished", "completed");
}

async function performStep(call: LiveCall, source: DocumentSource, signal: AbortSignal, context: CloudContext) {
  const obtained = await uninterrupted(obtainDocument(call, source, context), signal, context);
  if (!obtained) return undefined;
  const playable = obtained.ok ? obtained.value : await recover(call, source, obtained.error, signal, context);
  if (!playable || signal.aborted) return undefined;
  recordDocument(call, source, playable, context);
  if (playable.document.verbs[0]?.verb !== "Reject") call.advance("in-progress");
  const step = await playDocument(call, playable, signal, context);
  if (!step.error) return step.next;
  const recovered = await recover(call, source, step.error, signal, context);
  if (!recovered || signal.aborted) return undefined;
  recordDocument(call, source, recovered, context);
  const second = await playDocument(call, recovered, signal, context);
  if (second.error) failCall(call, second.error, context);
  return second.next;
}

/** The fallback document; without one the call has ended with an application error. */
async function recover(
  call: LiveCall,
  source: DocumentSource,
  error: DocumentError,
  signal: AbortSignal,
  context: CloudContext,
): Promise<ObtainedDocument | undefined> {
  if (signal.aborted) return undefined;
  const { fallback } = call;
  if (!fallback || (source.from === "url" && source.purpose === "fallback")) {
    failCall(call, error, context);
    return undefined;
  }
  recordError(call, error, context);
  const parameters = { ErrorCode: String(error.code), ...(error.url === undefined ? {} : { ErrorUrl: error.url }) };
  const again: DocumentSource = { from: "url", ...fallback, purpose: "fallback", parameters };
  const obtained = await uninterrupted(obtainDocument(call, again, context), signal, context);
  if (obtained?.ok) return obtained.value;
  if (obtained) failCall(call, obtained.error, context);
  return undefined;
}

function failCall(call: LiveCall, error: DocumentError, context: CloudContext): void {
  if (call.isOver) return;
  recordError(call, error, context);
  const now = { monotonicMs: performance.now(), time: new Date().toISOString() };
  const text = "We are sorry, an application error has occurred. Goodbye.";
  call.transcript.push({ kind: "say", text, durationMs: 4000, ...now, cutShort: false });
  call.end("application_error", call.status === "in-progress" ? "completed" : "failed");
}

function recordError(call: LiveCall, error: DocumentError, context: CloudContext): void {
  const { code, message, url } = error;
  const where = url === undefined ? {} : { url: redactUrl(url) };
  context.ledger.append({ type: "call.error", callSid: call.sid, code, message, ...where });
  context.logger.warn({ callSid: call.sid, code }, "call.error");
}

function recordDocument(call: LiveCall, source: DocumentSource, obtained: ObtainedDocument, context: CloudContext) {
  const { document, baseUrl } = obtained;
  context.ledger.append({
    type: "document.started",
    callSid: call.sid,
    purpose: source.from === "url" ? source.purpose : "inline",
    verbs: document.verbs.map((verb) => (verb.verb === "Unplayed" ? verb.name : verb.verb)),
    ...(baseUrl === undefined ? {} : { url: redactUrl(baseUrl) }),
  });
  for (const warning of document.warnings) {
    context.ledger.append({ type: "twiml.warning", callSid: call.sid, ...warning });
  }
}

/** The answer of some work, or undefined as soon as the signal ends: the work itself goes on in the background. */
async function uninterrupted<T>(work: Promise<T>, signal: AbortSignal, context: CloudContext): Promise<T | undefined> {
  context.track(work);
  if (signal.aborted) return undefined;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const stop = () => resolve(undefined);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function ring(call: LiveCall, context: CloudContext): Promise<void> {
  const signal = call.startRun();
  call.advance("initiated");
  call.advance("ringing");
  if (await context.clock.wait(RING_MS, signal)) call.advance("in-progress");
}
