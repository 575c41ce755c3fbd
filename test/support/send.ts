import { type Dispatcher, request } from "undici";
import type { TestGateway } from "./gateway.ts";

export interface SendOptions {
  /** Sent as `Authorization: Bearer <key>`. */
  key?: string;
  /** Sent as `application/json`. */
  json?: unknown;
  /** Sent as it is; the content type is the caller's. */
  body?: string | Buffer;
  headers?: Record<string, string | string[]>;
  signal?: AbortSignal;
}

/** Every field that an answer of the gateway may have; a test asks for those that it expects. */
export interface AnswerBody extends Record<string, unknown> {
  sessionId: string;
  callId: string;
  status: string;
  generation: number;
  terminal: boolean;
  did: string;
  expiresAt: string;
  receipt: string;
  code: string;
  detail: string;
  correlationId: string;
  errors: { pointer: string; message: string }[];
  events: { id: string; type: string; sessionId?: string; correlationId: string; [detail: string]: unknown }[];
}

export interface Answer {
  status: number;
  headers: Record<string, string | undefined>;
  text: string;
  /** The parsed JSON, or an empty object when the answer is none. */
  body: AnswerBody;
}

/** One raw HTTP request, `"POST /scramble/caller/v1/sessions"`: nothing of the SDK is involved. */
export function send(gateway: TestGateway, line: string, options: SendOptions = {}): Promise<Answer> {
  const answer = exchange(gateway, line, options);
  // A poll that a failing test leaves behind is cut off with its gateway, and says nothing more about the failure.
  answer.catch(() => undefined);
  return answer;
}

async function exchange(gateway: TestGateway, line: string, options: SendOptions): Promise<Answer> {
  const [method = "GET", path = "/"] = line.split(/ (.*)/s);
  const headers: Record<string, string | string[]> = {
    ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
    ...(options.json === undefined ? {} : { "content-type": "application/json" }),
    ...options.headers,
  };
  const body = options.json === undefined ? options.body : JSON.stringify(options.json);
  gateway.secrets.addFrom(options.json);
  const response = await request(gateway.baseUrl + path, {
    method: method as Dispatcher.HttpMethod,
    headers,
    dispatcher: gateway.dispatcher,
    ...(body === undefined ? {} : { body }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const text = await response.body.text();
  const answer = { status: response.statusCode, headers: flatten(response.headers), text, body: parseBody(text) };
  gateway.secrets.addFrom(answer.body);
  return answer;
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]),
  );
}

function parseBody(text: string): AnswerBody {
  try {
    return JSON.parse(text) as AnswerBody;
  } catch {
    return {} as AnswerBody;
  }
}
