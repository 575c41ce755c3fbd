import { AttributeReader } from "./read-attributes.ts";
import { readXml, type XmlElement } from "./read-xml.ts";
import { renderSpeech } from "./render-speech.ts";
import {
  type GatherVerb,
  type PauseVerb,
  type PlayVerb,
  type Prompt,
  type SayVerb,
  type TwimlDocument,
  TwimlFault,
  type TwimlWarning,
  type Verb,
} from "./twiml.ts";

/** A response body above 64 kB is error 11750: https://www.twilio.com/docs/api/errors/11750 */
export const TWIML_LIMIT_BYTES = 64 * 1024;

/** `loop="0"` plays 1000 times: https://www.twilio.com/docs/voice/twiml/play */
const ENDLESS_LOOP = 1000;

/** Verbs of Twilio's that reach beyond the caller's own leg; they are recorded and stepped over. */
const UNPLAYED = new Set([
  "Connect",
  "Dial",
  "Enqueue",
  "Leave",
  "Pay",
  "Prompt",
  "Queue",
  "Record",
  "Refer",
  "Siprec",
  "Sms",
  "Start",
  "Stop",
]);

/**
 * Reads a TwiML document. Unknown verbs and attributes are 12200 warnings and are left out, as TwiML is case-sensitive
 * `<say>` too; XML that is not well-formed or has another root than `<Response>` throws `TwimlFault` 12100, a document
 * above 64 kB 11750. Sources: https://www.twilio.com/docs/api/errors/12100, /12200, https://www.twilio.com/docs/voice/twiml
 */
export function parseTwiml(xml: string): TwimlDocument {
  if (Buffer.byteLength(xml) > TWIML_LIMIT_BYTES) throw new TwimlFault(11750, "the TwiML is larger than 64 kB");
  const root = readXml(xml);
  if (root.name !== "Response") throw new TwimlFault(12100, `the root element is <${root.name}>, not <Response>`);
  const warnings: TwimlWarning[] = [];
  const verbs = elementsOf(root, warnings).flatMap((element) => parseVerb(element, warnings) ?? []);
  return { verbs, warnings };
}

function parseVerb(element: XmlElement, warnings: TwimlWarning[]): Verb | undefined {
  switch (element.name) {
    case "Gather":
      return parseGather(element, warnings);
    case "Redirect":
      return {
        verb: "Redirect",
        url: textOf(element),
        method: new AttributeReader(element, ["method"], warnings).method(),
      };
    case "Hangup":
      return { verb: "Hangup" };
    case "Reject":
      return {
        verb: "Reject",
        reason: new AttributeReader(element, ["reason"], warnings).oneOf("reason", ["rejected", "busy"], "rejected"),
      };
    default:
      if (UNPLAYED.has(element.name)) return { verb: "Unplayed", name: element.name };
      return parsePrompt(element, warnings);
  }
}

function parsePrompt(element: XmlElement, warnings: TwimlWarning[]): Prompt | undefined {
  if (element.name === "Say") return parseSay(element, warnings);
  if (element.name === "Play") return parsePlay(element, warnings);
  if (element.name === "Pause") return parsePause(element, warnings);
  warnings.push({ code: 12200, message: `element '${element.name.slice(0, 40)}' is not allowed here` });
  return undefined;
}

function parseSay(element: XmlElement, warnings: TwimlWarning[]): SayVerb {
  const read = new AttributeReader(element, ["voice", "language", "loop"], warnings);
  const voice = read.text("voice");
  const language = read.text("language");
  return {
    verb: "Say",
    ...renderSpeech(element, warnings),
    loop: read.integer("loop", 0, 1) || ENDLESS_LOOP,
    ...(voice === undefined ? {} : { voice }),
    ...(language === undefined ? {} : { language }),
  };
}

function parsePlay(element: XmlElement, warnings: TwimlWarning[]): PlayVerb {
  const read = new AttributeReader(element, ["loop", "digits"], warnings);
  const url = textOf(element);
  const digits = read.text("digits");
  if (url === "" && digits === undefined)
    warnings.push({ code: 12200, message: "<Play> has neither a URL nor digits" });
  return {
    verb: "Play",
    loop: read.integer("loop", 0, 1) || ENDLESS_LOOP,
    ...(url === "" ? {} : { url }),
    ...(digits === undefined ? {} : { digits }),
  };
}

function parsePause(element: XmlElement, warnings: TwimlWarning[]): PauseVerb {
  return { verb: "Pause", seconds: new AttributeReader(element, ["length"], warnings).integer("length", 1, 1) };
}

const GATHER_ATTRIBUTES = [
  ...["action", "actionOnEmptyResult", "finishOnKey", "input", "method", "numDigits", "timeout"],
  // Speech and streaming: known to Twilio, without effect here.
  ...["bargeIn", "debug", "enhanced", "hints", "language", "maxSpeechTime", "partialResultCallback"],
  ...["partialResultCallbackMethod", "profanityFilter", "speechModel", "speechTimeout"],
];

/** Defaults: https://www.twilio.com/docs/voice/twiml/gather */
function parseGather(element: XmlElement, warnings: TwimlWarning[]): GatherVerb {
  const read = new AttributeReader(element, GATHER_ATTRIBUTES, warnings);
  const action = read.text("action");
  const finishOnKey = read.text("finishOnKey") ?? "#";
  const numDigits = read.optionalInteger("numDigits", 1);
  if (!/^[0-9*#]*$/.test(finishOnKey)) warnings.push({ code: 12200, message: "finishOnKey takes only 0-9, * and #" });
  return {
    verb: "Gather",
    method: read.method(),
    timeoutSeconds: read.text("timeout") === "auto" ? 5 : read.integer("timeout", 1, 5),
    finishOnKey,
    actionOnEmptyResult: read.oneOf("actionOnEmptyResult", ["true", "false"], "false") === "true",
    prompts: elementsOf(element, warnings).flatMap((child) => parsePrompt(child, warnings) ?? []),
    ...(action === undefined || action.trim() === "" ? {} : { action: action.trim() }),
    ...(numDigits === undefined ? {} : { numDigits }),
  };
}

function elementsOf(parent: XmlElement, warnings: TwimlWarning[]): XmlElement[] {
  return parent.children.flatMap((child) => {
    if (typeof child !== "string") return child;
    if (child.trim() !== "") warnings.push({ code: 12200, message: `text is not allowed in <${parent.name}>` });
    return [];
  });
}

function textOf(element: XmlElement): string {
  return element.children
    .map((child) => (typeof child === "string" ? child : ""))
    .join("")
    .trim();
}
