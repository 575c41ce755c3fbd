import type { CloudContext } from "../cloud-context.ts";
import { redactUrl } from "../ledger/redact-url.ts";
import type { DocumentSource, LiveCall, Position } from "./live-call.ts";
import { obtainDocument, resolveUrl } from "./obtain-document.ts";
import { gatherAction } from "./play-document.ts";

/**
 * Moves a call in progress to another document at once, whatever verb is playing: what the REST API's call update does.
 * Source: https://www.twilio.com/docs/voice/tutorials/how-to-modify-calls-in-progress
 *
 * With `fetchInterruptedVerb` the URL to which the interrupted verb would have led is fetched once too, as it has been
 * seen on real calls; what it answers is thrown away.
 */
export function updateCall(call: LiveCall, source: DocumentSource, context: CloudContext): void {
  const interrupted = call.position;
  context.ledger.append({
    type: "call.updated",
    callSid: call.sid,
    with: source.from,
    ...(source.from === "url" ? { url: redactUrl(source.url) } : {}),
    ...(interrupted ? { interrupted: interrupted.verb.verb } : {}),
  });
  const missed = context.fetchInterruptedVerb && interrupted ? whereItLed(interrupted) : undefined;
  if (missed) context.track(obtainDocument(call, missed, context));
  call.redirect(source);
}

function whereItLed({ verb, document, baseUrl }: Position): DocumentSource | undefined {
  if (verb.verb === "Gather") {
    const url = resolveUrl(verb.action ?? "", baseUrl);
    return url === undefined ? undefined : { ...gatherAction(verb, url, ""), purpose: "interrupted_verb" };
  }
  const trailing = document.verbs.at(-1);
  if (trailing?.verb !== "Redirect") return undefined;
  const url = resolveUrl(trailing.url, baseUrl);
  return url === undefined ? undefined : { from: "url", url, method: trailing.method, purpose: "interrupted_verb" };
}
