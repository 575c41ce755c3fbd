import type { CloudContext } from "../cloud-context.ts";
import { redactUrl } from "../ledger/redact-url.ts";
import { parseTwiml } from "../twiml/parse-twiml.ts";
import { type TwimlDocument, TwimlFault } from "../twiml/twiml.ts";
import { deliverWebhook } from "../webhooks/deliver-webhook.ts";
import { describeCall } from "../webhooks/describe-call.ts";
import type { DocumentSource, LiveCall } from "./live-call.ts";

export interface ObtainedDocument {
  document: TwimlDocument;
  /** What relative URLs resolve against; absent for inline TwiML. */
  baseUrl: string | undefined;
}

/** Why there is no document: Twilio's error code and the URL that is to blame. */
export interface DocumentError {
  code: number;
  message: string;
  url: string | undefined;
}

type Obtained = { ok: true; value: ObtainedDocument } | { ok: false; error: DocumentError };

/** Gets and reads one document. Never throws: what fails is a `DocumentError`. */
export async function obtainDocument(call: LiveCall, source: DocumentSource, context: CloudContext): Promise<Obtained> {
  if (source.from === "twiml") return read(source.twiml, "text/xml", undefined);
  const result = await deliverWebhook(
    {
      callSid: call.sid,
      callStatus: call.status,
      accountSid: call.accountSid,
      purpose: source.purpose,
      url: source.url,
      method: source.method,
      parameters: { ...describeCall(call), ...source.parameters },
    },
    context,
  );
  if (!result.ok) return { ok: false, error: { code: result.code, message: result.message, url: result.url } };
  return read(result.body, result.contentType, result.url);
}

/** Resolves a URL of a document; undefined when it is not absolute and there is nothing to resolve it against. */
export function resolveUrl(url: string, baseUrl: string | undefined): string | undefined {
  if (url === "") return baseUrl;
  return URL.canParse(url, baseUrl) ? new URL(url, baseUrl).href : undefined;
}

function read(body: string, contentType: string, url: string | undefined): Obtained {
  try {
    return { ok: true, value: { document: readAs(contentType, body, url), baseUrl: url } };
  } catch (error) {
    if (!(error instanceof TwimlFault)) throw error;
    return { ok: false, error: { code: error.code, message: error.message, url } };
  }
}

/** Content types: https://www.twilio.com/docs/voice/twiml#twilio-understands-mime-types */
function readAs(contentType: string, body: string, url: string | undefined): TwimlDocument {
  const type = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type === "text/xml" || type === "application/xml" || type === "text/html") return parseTwiml(body);
  if (type === "text/plain") {
    const text = body.replace(/[<>&]/g, " ");
    return parseTwiml(`<Response><Say>${text}</Say></Response>`);
  }
  if (type.startsWith("audio/")) {
    return { verbs: [{ verb: "Play", loop: 1, url: redactUrl(url ?? "") }], warnings: [] };
  }
  throw new TwimlFault(12300, `the content type '${type.slice(0, 60)}' is neither TwiML nor audio`);
}
