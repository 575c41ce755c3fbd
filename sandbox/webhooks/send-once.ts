import { type Dispatcher, request } from "undici";
import { TWIML_LIMIT_BYTES } from "../twiml/parse-twiml.ts";
import type { RetryClass } from "./connection-overrides.ts";

export interface OutgoingRequest {
  method: "GET" | "POST";
  url: string;
  headers: Record<string, string>;
  body?: string;
}

export interface SendLimits {
  agent: Dispatcher;
  readMs: number;
  /** What is left of the total. */
  remainingMs: number;
  closing: AbortSignal;
}

export interface HttpAnswer {
  outcome: "answer";
  httpStatus: number;
  contentType: string;
  location: string | undefined;
  /** Cut one byte above the limit of a TwiML document, so that the reader sees that it is too large. */
  body: string;
}

export interface HttpFailure {
  outcome: "failure";
  /** What a retry policy goes by; `total` is never retried, because no time is left. */
  class: RetryClass | "other" | "total";
  code: number;
  message: string;
}

/** Sends one HTTP request once and reads its answer, within the limits; never throws. */
export async function sendOnce(outgoing: OutgoingRequest, limits: SendLimits): Promise<HttpAnswer | HttpFailure> {
  const cut = new AbortController();
  const total = setTimeout(() => cut.abort("total"), limits.remainingMs);
  const read = setTimeout(() => cut.abort("read"), limits.readMs);
  try {
    const response = await request(outgoing.url, {
      method: outgoing.method,
      headers: outgoing.headers,
      body: outgoing.body ?? null,
      dispatcher: limits.agent,
      signal: AbortSignal.any([cut.signal, limits.closing]),
    });
    read.refresh();
    const body = await readBody(response.body, () => read.refresh());
    return {
      outcome: "answer",
      httpStatus: response.statusCode,
      contentType: single(response.headers["content-type"]) ?? "",
      location: single(response.headers["location"]),
      body,
    };
  } catch (error) {
    return describeFailure(error, cut.signal);
  } finally {
    clearTimeout(total);
    clearTimeout(read);
  }
}

async function readBody(stream: Dispatcher.ResponseData["body"], onData: () => void): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    onData();
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    // Leaving the loop destroys the stream: nobody reads the rest.
    if (size > TWIML_LIMIT_BYTES) break;
  }
  return Buffer.concat(chunks)
    .subarray(0, TWIML_LIMIT_BYTES + 1)
    .toString("utf8");
}

const NOT_CONNECTED = new Set([
  ...["UND_ERR_CONNECT_TIMEOUT", "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "EADDRNOTAVAIL"],
]);
const NO_SUCH_HOST = new Set(["ENOTFOUND", "EAI_AGAIN"]);

/** Codes: https://www.twilio.com/docs/api/errors/11205 (connection, time-out), /11206 (protocol), /11210 (host), /11220 (TLS). */
function describeFailure(error: unknown, cut: AbortSignal): HttpFailure {
  if (cut.reason === "total") return failure("total", 11205, "the total time-out was reached");
  if (cut.aborted) return failure("rt", 11205, "the read time-out was reached");
  const code = codeOf(error);
  if (NO_SUCH_HOST.has(code)) return failure("ct", 11210, "the host name cannot be resolved");
  if (NOT_CONNECTED.has(code)) return failure("ct", 11205, `no connection (${code})`);
  if (/CERT|TLS|SSL/.test(code)) return failure("ct", 11220, `no TLS connection (${code})`);
  if (code.startsWith("HPE_") || code === "HTTPParserError") return failure("other", 11206, `not HTTP (${code})`);
  return failure("other", 11205, `the connection broke (${code})`);
}

function failure(cls: HttpFailure["class"], code: number, message: string): HttpFailure {
  return { outcome: "failure", class: cls, code, message };
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  // A host with several addresses fails with all their errors together.
  const first = error instanceof AggregateError ? error.errors[0] : error;
  return first && typeof first === "object" && "code" in first && first.code ? String(first.code) : error.name;
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
