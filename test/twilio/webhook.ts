import { createHmac, randomBytes } from "node:crypto";
import { parseTwiml } from "../../sandbox/twiml/parse-twiml.ts";
import type { GatherVerb, TwimlDocument } from "../../sandbox/twiml/twiml.ts";
import { type TestGateway, testPublicUrl } from "../support/gateway.ts";
import { send } from "../support/send.ts";
import { twilioAccount } from "../support/test-tenants.ts";

export const authToken = "twilio-auth-token";
export const caller = "+14155550123";
export const dialled = "+18005551234";

/** A field that is given several times stands as a list. */
export type Fields = Record<string, string | string[] | undefined>;

export interface WebhookOptions {
  method?: "GET" | "POST";
  token?: string;
  /** Sent instead of the right signature; `null` sends none. */
  signature?: string | null;
  publicUrl?: string;
  headers?: Record<string, string>;
}

export interface WebhookAnswer {
  status: number;
  headers: Record<string, string | undefined>;
  text: string;
}

export const newCallSid = (): string => `CA${randomBytes(16).toString("hex")}`;

/** Twilio's algorithm, written out: base64 of HMAC-SHA1 over the URL and the sorted fields, names and values joined. */
export function sign(url: string, fields: Fields, token = authToken): string {
  const joined = Object.keys(fields)
    .sort()
    .flatMap((name) => [...new Set([fields[name] ?? []].flat())].sort().map((value) => name + value));
  return createHmac("sha1", token)
    .update(url + joined.join(""))
    .digest("base64");
}

/** What Twilio says of a call with every request; `undefined` leaves a field out. */
export function callFields(callSid: string, fields: Fields = {}): Fields {
  const all: Fields = {
    AccountSid: twilioAccount,
    ApiVersion: "2010-04-01",
    CallSid: callSid,
    CallStatus: "in-progress",
    Direction: "inbound",
    From: caller,
    To: dialled,
    ...fields,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Sends one webhook to `/ivr/verify/<step>`, signed as Twilio signs: for GET the fields are the query. */
export async function webhook(
  gateway: TestGateway,
  step: string,
  fields: Fields,
  options: WebhookOptions = {},
): Promise<WebhookAnswer> {
  const { method = "POST", token = authToken, publicUrl = testPublicUrl } = options;
  const form = encode(fields);
  const path = `/ivr/verify/${step}${method === "GET" ? `${step.includes("?") ? "&" : "?"}${form}` : ""}`;
  const right = sign(publicUrl + path, method === "GET" ? {} : fields, token);
  const signature = options.signature === undefined ? right : options.signature;
  gateway.secrets.add(right, token, ...[fields["From"] ?? []].flat().filter((number) => number.startsWith("+")));
  return send(gateway, `${method} ${path}`, {
    headers: {
      ...(method === "GET" ? {} : { "content-type": "application/x-www-form-urlencoded; charset=UTF-8" }),
      ...(signature === null ? {} : { "x-twilio-signature": signature }),
      ...options.headers,
    },
    ...(method === "GET" ? {} : { body: form }),
  });
}

function encode(fields: Fields): string {
  const pairs = Object.entries(fields).flatMap(([name, value]) => [value ?? []].flat().map((one) => [name, one]));
  return new URLSearchParams(pairs as [string, string][]).toString();
}

/** The document that Twilio would play: parsed by the voice cloud's own reader, which refuses what is no TwiML. */
export function twimlOf(answer: WebhookAnswer): TwimlDocument {
  if (answer.status !== 200) throw new Error(`answered ${answer.status}: ${answer.text}`);
  if (!/^text\/xml(;|$)/.test(answer.headers["content-type"] ?? "")) throw new Error("the answer is no text/xml");
  return parseTwiml(answer.text);
}

export interface Prompted {
  gather: GatherVerb;
  code: string;
  /** Where a key, and the end of the silence, lead to: `wait?loop=…`. */
  next: string;
}

/** The parts of a prompt; throws when the answer is none. */
export function promptOf(gateway: TestGateway, answer: WebhookAnswer): Prompted {
  const [gather, redirect] = twimlOf(answer).verbs;
  if (gather?.verb !== "Gather" || redirect?.verb !== "Redirect") throw new Error(`no prompt: ${answer.text}`);
  if (gather.action !== redirect.url) throw new Error("a key and the silence lead to different places");
  const said = gather.prompts.map((prompt) => (prompt.verb === "Say" ? prompt.text : "")).join(" ");
  const code = /(?<!\d)(?:\d[ ]?){6,10}(?!\d)/.exec(said)?.[0].replaceAll(" ", "") ?? "";
  gateway.secrets.add(code);
  return { gather, code, next: stepIn(gather.action ?? "") };
}

/** Where the answer sends the call, whatever is said before. Undefined when it ends there. */
export function redirectOf(answer: WebhookAnswer): string | undefined {
  const last = twimlOf(answer).verbs.at(-1);
  if (last?.verb === "Redirect") return last.url;
  if (last?.verb === "Hangup") return undefined;
  throw new Error(`the answer leads nowhere: ${answer.text}`);
}

/** The step and query of one of the gateway's own URLs, as `webhook` takes them. */
export function stepIn(url: string, publicUrl = testPublicUrl): string {
  const base = `${publicUrl}/ivr/verify/`;
  if (!url.startsWith(base)) throw new Error(`${url} is no step of the hosted flow`);
  return url.slice(base.length);
}

export function saidIn(answer: WebhookAnswer): string {
  return twimlOf(answer)
    .verbs.flatMap((verb) => (verb.verb === "Gather" ? verb.prompts : [verb]))
    .map((verb) => (verb.verb === "Say" ? verb.text : ""))
    .join(" ");
}
