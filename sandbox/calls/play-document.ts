import type { CloudContext } from "../cloud-context.ts";
import type { GatherVerb, RedirectVerb, Verb } from "../twiml/twiml.ts";
import type { DocumentSource, LiveCall, UrlSource } from "./live-call.ts";
import { type DocumentError, type ObtainedDocument, resolveUrl } from "./obtain-document.ts";
import { type Gathered, playGather } from "./play-gather.ts";
import { playPrompt } from "./play-prompt.ts";

/** Where a verb leads: to another document, to an error, or (neither) on to the next verb. */
interface Step {
  next?: DocumentSource;
  error?: DocumentError;
}

/** Plays a document's verbs in order until one leads elsewhere, the call is over or the signal interrupts it. */
export async function playDocument(
  call: LiveCall,
  obtained: ObtainedDocument,
  signal: AbortSignal,
  context: CloudContext,
): Promise<Step> {
  const { document, baseUrl } = obtained;
  try {
    for (const verb of document.verbs) {
      if (signal.aborted) return {};
      call.position = { verb, document, baseUrl };
      context.ledger.append({
        type: "verb.started",
        callSid: call.sid,
        verb: verb.verb === "Unplayed" ? verb.name : verb.verb,
      });
      const step = await playVerb(call, verb, { baseUrl, signal, context });
      if (signal.aborted) return {};
      if (step.next || step.error || call.isOver) return step;
    }
    return {};
  } finally {
    call.position = undefined;
  }
}

interface Stage {
  baseUrl: string | undefined;
  signal: AbortSignal;
  context: CloudContext;
}

async function playVerb(call: LiveCall, verb: Verb, stage: Stage): Promise<Step> {
  switch (verb.verb) {
    case "Say":
    case "Play":
    case "Pause":
      await playPrompt(call, verb, stage.signal, stage.context);
      return {};
    case "Gather": {
      const gathered = await playGather(call, verb, stage.signal, stage.context);
      return gathered ? afterGather(verb, gathered, stage.baseUrl) : {};
    }
    case "Redirect":
      return redirectTo(verb, stage.baseUrl);
    case "Hangup":
      call.end("hangup_verb", "completed");
      return {};
    case "Reject":
      // Rejecting is refusing to answer: after the first verb the call is answered, and it only ends.
      call.end("rejected", call.status === "in-progress" ? "completed" : rejectStatus(verb.reason));
      return {};
    case "Unplayed":
      return {};
  }
}

/** https://www.twilio.com/docs/voice/twiml/reject: "busy" plays a busy signal, "rejected" a not-in-service message. */
function rejectStatus(reason: "rejected" | "busy"): "busy" | "failed" {
  return reason === "busy" ? "busy" : "failed";
}

function afterGather(gather: GatherVerb, gathered: Gathered, baseUrl: string | undefined): Step {
  if (gathered.digits === "" && !gather.actionOnEmptyResult) return {};
  const url = resolveUrl(gather.action ?? "", baseUrl);
  if (url === undefined) return badUrl("action", baseUrl);
  return { next: gatherAction(gather, url, gathered.digits) };
}

/** The request of a `<Gather>`'s action. */
export function gatherAction(gather: GatherVerb, url: string, digits: string): UrlSource {
  const parameters = { Digits: digits, msg: "Gather End" };
  return { from: "url", url, method: gather.method, purpose: "gather_action", parameters };
}

function redirectTo(verb: RedirectVerb, baseUrl: string | undefined): Step {
  const url = resolveUrl(verb.url, baseUrl);
  if (url === undefined) return badUrl("Redirect", baseUrl);
  return { next: { from: "url", url, method: verb.method, purpose: "redirect" } };
}

/** https://www.twilio.com/docs/api/errors/11100 */
function badUrl(where: string, baseUrl: string | undefined): Step {
  return { error: { code: 11100, message: `the URL of ${where} is not valid`, url: baseUrl } };
}
