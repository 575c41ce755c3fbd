import { FuzzFinding } from "./entrance.ts";
import type { Exchange, HttpAnswer } from "./http-exchange.ts";

/** PROTOCOL §8. */
const statusOfCode: Readonly<Record<string, readonly number[]>> = {
  invalid_request: [400],
  unauthenticated: [401],
  invalid_activation_code: [401],
  forbidden: [403],
  not_found: [404],
  session_terminal: [409],
  reissue_exhausted: [409],
  payload_too_large: [413],
  unsupported_media_type: [415],
  rate_limited: [429],
  unavailable: [503],
};

export interface AnswerChecks {
  /** What a success holds. Default `json`. */
  success?: "json" | "twiml" | "text";
  /** A HEAD has no body to look at. */
  method: string;
  /** Socket.IO answers below its own path, in its own words. */
  foreign?: boolean;
}

/** What must never stand in an answer: a stack, a path of a module, a name of the store's. What a caller sent may. */
const internals = /\bat [\w.<> ]+ \(|node_modules|\.ts:\d+|file:\/\/\S+\.m?[jt]s|ReplyError|ioredis|EVALSHA|ZodError/;

/** The label of an answer that PROTOCOL allows; throws a FuzzFinding for every other one. */
export function checkAnswer(answer: HttpAnswer, checks: AnswerChecks): string {
  const { status, headers, body } = answer;
  if (status >= 500 && status !== 503) throw new FuzzFinding(`answered ${status}: ${body.slice(0, 300)}`);
  if (internals.test(body) && !checks.foreign)
    throw new FuzzFinding(`the answer tells internals: ${body.slice(0, 500)}`);
  if (headers.has("x-powered-by")) throw new FuzzFinding("the answer names what it was made with");
  if (status === 503 && body.includes('"checks"')) return "503 not_ready";
  if (checks.foreign || checks.method === "HEAD" || status === 204) return String(status);
  if (status >= 400) return `${status} ${checkProblem(answer)}`;
  // RFC 9110 §13.1.2: of `If-None-Match: *` every answer is known already.
  if (status === 304 && body === "") return "304";
  if (status >= 300) throw new FuzzFinding(`answered ${status}`);
  const state = checks.method === "OPTIONS" ? "" : checkSuccess(answer, checks.success ?? "json");
  return state === "" ? String(status) : `${status} ${state}`;
}

function checkProblem({ status, headers, body }: HttpAnswer): string {
  if (!headers.get("content-type")?.startsWith("application/problem+json")) {
    throw new FuzzFinding(`${status} is no problem document: ${headers.get("content-type")} ${body.slice(0, 200)}`);
  }
  const problem = parse(body);
  const { code, correlationId } = problem;
  if (typeof code !== "string" || !statusOfCode[code]?.includes(status) || problem["status"] !== status) {
    throw new FuzzFinding(`${status} has the code ${String(code)}`);
  }
  if (typeof correlationId !== "string" || correlationId !== headers.get("x-correlation-id")) {
    throw new FuzzFinding(`${status} has no correlation id of its own`);
  }
  if (code === "invalid_request" && !Array.isArray(problem["errors"])) throw new FuzzFinding("a 400 points at nothing");
  return code;
}

const states = new Set(["pending", "confirmed", "denied", "canceled", "timeout", "expired"]);

/** The state of the session that an answer tells of, or an empty text. */
function checkSuccess({ headers, body }: HttpAnswer, success: "json" | "twiml" | "text"): string {
  if (success === "twiml" && !/^<\?xml [^>]+\?><Response(?:\/>|>.*<\/Response>)$/s.test(body)) {
    throw new FuzzFinding(`no TwiML: ${headers.get("content-type")} ${body.slice(0, 300)}`);
  }
  if (success !== "json") return "";
  const { status } = parse(body);
  return typeof status === "string" && states.has(status) ? status : "";
}

function parse(body: string): Record<string, unknown> {
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    throw new FuzzFinding(`the answer is no JSON: ${body.slice(0, 200)}`);
  }
}

/** The label of an exchange that was to have one answer. */
export function checkExchange(exchange: Exchange, checks: AnswerChecks): string {
  const [answer] = exchange.answers;
  if (answer === undefined) {
    if (exchange.hungUp) return "hung up";
    throw new FuzzFinding(`no answer${exchange.rest === "" ? "" : `, but ${exchange.rest.slice(0, 200)}`}`);
  }
  if (exchange.rest !== "") throw new FuzzFinding(`more than an answer: ${exchange.rest.slice(0, 200)}`);
  return checkAnswer(answer, checks);
}
