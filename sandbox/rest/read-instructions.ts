import { isHttpUrl } from "../calls/place-call.ts";
import { parseTwiml } from "../twiml/parse-twiml.ts";
import { type HttpMethod, type TwimlDocument, TwimlFault } from "../twiml/twiml.ts";
import type { StatusEvent } from "../webhooks/status-event.ts";
import { TwilioError } from "./twilio-error.ts";

export type RestForm = Readonly<Record<string, unknown>>;

export interface Instructions {
  source?: { from: "url"; url: string; method: HttpMethod; purpose: "call_update" } | { from: "twiml"; twiml: string };
  status?: "completed" | "canceled";
  fallback?: { url: string; method: HttpMethod };
  statusCallback?: { url: string; method: HttpMethod; events: readonly StatusEvent[] };
}

/** `Twiml` takes 4000 characters: https://www.twilio.com/docs/api/errors/32018 */
const TWIML_PARAMETER_LIMIT = 4000;

/**
 * Reads what a form tells a call to do. Throws `TwilioError` with the code that Twilio documents: 21205 URL, 21209
 * method, 32018 too much TwiML, 15004 a relative URL in it, 12100 unreadable TwiML. Twilio documents that `Twiml` and
 * `Url` exclude each other but no code for it; 20001 ("parameter error") stands in.
 */
export function readInstructions(form: RestForm): Instructions {
  const url = readUrl(form, "Url");
  const twiml = text(form, "Twiml");
  if (url !== undefined && twiml !== undefined) {
    throw new TwilioError(400, 20001, "Twiml and Url are mutually exclusive");
  }
  const fallbackUrl = readUrl(form, "FallbackUrl");
  const callbackUrl = readUrl(form, "StatusCallback");
  const method = readMethod(form, "Method");
  return {
    ...(url === undefined ? {} : { source: { from: "url", url, method, purpose: "call_update" } }),
    ...(twiml === undefined ? {} : { source: { from: "twiml", twiml: checkTwiml(twiml) } }),
    ...readStatus(form),
    ...(fallbackUrl === undefined
      ? {}
      : { fallback: { url: fallbackUrl, method: readMethod(form, "FallbackMethod") } }),
    ...(callbackUrl === undefined
      ? {}
      : {
          statusCallback: {
            url: callbackUrl,
            method: readMethod(form, "StatusCallbackMethod"),
            events: readEvents(form),
          },
        }),
  };
}

function readStatus(form: RestForm): Pick<Instructions, "status"> {
  const status = text(form, "Status");
  if (status === undefined) return {};
  if (status === "completed" || status === "canceled") return { status };
  throw new TwilioError(400, 20001, "Status must be 'completed' or 'canceled'");
}

function checkTwiml(twiml: string): string {
  if (twiml.length > TWIML_PARAMETER_LIMIT) {
    throw new TwilioError(400, 32018, "Twiml size exceeded maximum allowed value of 4000 characters");
  }
  if (urlsOf(parse(twiml)).some((url) => !URL.canParse(url))) {
    throw new TwilioError(400, 15004, "Relative URLs are not allowed in the Twiml parameter");
  }
  return twiml;
}

function parse(twiml: string): TwimlDocument {
  try {
    return parseTwiml(twiml);
  } catch (error) {
    if (error instanceof TwimlFault) throw new TwilioError(400, error.code, error.message);
    throw error;
  }
}

function urlsOf(document: TwimlDocument): string[] {
  return document.verbs.flatMap((verb) => {
    if (verb.verb === "Redirect") return verb.url;
    return verb.verb === "Gather" && verb.action !== undefined ? verb.action : [];
  });
}

function readEvents(form: RestForm): readonly StatusEvent[] {
  const given = form["StatusCallbackEvent"];
  if (given === undefined) return ["completed"];
  const known: readonly StatusEvent[] = ["initiated", "ringing", "answered", "completed"];
  return (Array.isArray(given) ? given : [given]).map((name) => {
    const event = known.find((item) => item === name);
    if (!event) throw new TwilioError(400, 21626, "Invalid StatusCallbackEvents");
    return event;
  });
}

function readMethod(form: RestForm, name: string): HttpMethod {
  const method = text(form, name)?.toUpperCase() ?? "POST";
  if (method === "GET" || method === "POST") return method;
  throw new TwilioError(400, 21209, `${name} must be GET or POST`);
}

function readUrl(form: RestForm, name: string): string | undefined {
  const url = text(form, name);
  if (url === undefined || isHttpUrl(url)) return url;
  throw new TwilioError(400, 21205, `${name} is not a valid URL`);
}

/** A form value; an empty one counts as absent, a repeated one by its last. */
export function text(form: RestForm, name: string): string | undefined {
  const value = form[name];
  const last = Array.isArray(value) ? value.at(-1) : value;
  return typeof last === "string" && last !== "" ? last : undefined;
}
