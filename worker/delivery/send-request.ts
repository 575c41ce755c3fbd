import type { IncomingHttpHeaders } from "node:http";
import { type Dispatcher, errors } from "undici";
import { BLOCKED_ADDRESS } from "./guarded-dispatcher.ts";

/** A longer answer is cut off there and its connection is closed. */
export const MAX_ANSWER_BYTES = 64 * 1024;

export interface OutgoingRequest {
  url: URL;
  method: "GET" | "POST";
  headers: Record<string, string>;
  body?: string;
  /** Milliseconds from now until the exchange is over, queueing and connecting included. */
  timeoutMs: number;
  signal?: AbortSignal;
  /** `status` resolves as soon as the status line is there and discards the body. Default `whole`. */
  until?: "status" | "whole";
}

/** Short stable words, safe to log: nothing of the request or of the answer is in them. */
export type FailureReason =
  | "aborted"
  | "blocked_address"
  | "closed"
  | "connection_lost"
  | "invalid_request"
  | "malformed_answer"
  | "not_connected"
  | "not_resolved"
  | "not_trusted"
  | "timed_out";

export interface FailedExchange {
  kind: "failed";
  reason: FailureReason;
  /** False: not one byte of the request was written, and none will be. True: the other side may have acted on it. */
  sent: boolean;
}

/** `complete` is false when the body was cut off: by its length, by time or by a lost connection. */
export interface AnsweredExchange {
  kind: "answered";
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  complete: boolean;
}

export type Exchange = AnsweredExchange | FailedExchange;

/**
 * Sends one request and never throws. It uses undici's dispatch interface because that is where a request that was
 * never sent can be told from one whose answer was lost (`onRequestStart`), and that difference decides whether an
 * intercept may simply be repeated (PROTOCOL §5). Redirects are not followed.
 */
export function sendRequest(dispatcher: Dispatcher, request: OutgoingRequest): Promise<Exchange> {
  return new Promise((resolve) => {
    const exchange = new ExchangeHandler(request, resolve);
    if (exchange.isOver) return;
    try {
      dispatcher.dispatch(
        {
          origin: request.url.origin,
          path: `${request.url.pathname}${request.url.search}`,
          method: request.method,
          headers: request.headers,
          body: request.body ?? null,
        },
        exchange,
      );
    } catch (error) {
      exchange.fail(error);
    }
  });
}

class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #resolve: (exchange: Exchange) => void;
  readonly #request: OutgoingRequest;
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort = () => this.#giveUp("aborted");
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #chunks: Buffer[] = [];
  #bytes = 0;
  #sent = false;
  #over = false;

  constructor(request: OutgoingRequest, resolve: (exchange: Exchange) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.#giveUp("timed_out"), request.timeoutMs);
    request.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (request.signal?.aborted) this.#onAbort();
  }

  get isOver(): boolean {
    return this.#over;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Given up while it was queued: undici writes nothing for a request that is aborted here.
    if (this.#over) controller.abort(new Error("given up"));
    else this.#sent = true;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    if (this.#request.until === "status") this.#resolve(this.#answer(true));
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_ANSWER_BYTES) this.#giveUp("malformed_answer");
    else if (this.#request.until !== "status") this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#finish(this.#answer(true));
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.fail(error);
  }

  fail(error: unknown): void {
    this.#finish(this.#status > 0 ? this.#answer(false) : this.#failure(reasonOf(error, this.#sent)));
  }

  #giveUp(reason: FailureReason): void {
    this.#finish(this.#status > 0 ? this.#answer(false) : this.#failure(reason));
    this.#controller?.abort(new Error("given up"));
  }

  #answer(complete: boolean): Exchange {
    const body = Buffer.concat(this.#chunks).toString("utf8");
    return { kind: "answered", status: this.#status, headers: this.#headers, body, complete };
  }

  #failure(reason: FailureReason): Exchange {
    return { kind: "failed", reason, sent: this.#sent };
  }

  #finish(exchange: Exchange): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
    this.#resolve(exchange);
  }
}

const untrusted = /CERT|SELF_SIGNED|LEAF_SIGNATURE|ERR_SSL|ERR_TLS/;

function reasonOf(error: unknown, sent: boolean): FailureReason {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === BLOCKED_ADDRESS) return "blocked_address";
  if (code === "UND_ERR_INVALID_ARG") return "invalid_request";
  if (code === "UND_ERR_CLOSED" || code === "UND_ERR_DESTROYED") return "closed";
  if (sent) return isMalformed(error, code) ? "malformed_answer" : "connection_lost";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "not_resolved";
  return untrusted.test(code) ? "not_trusted" : "not_connected";
}

/** Not every parser error has a code, so that the class decides. */
function isMalformed(error: unknown, code: string): boolean {
  return error instanceof errors.HTTPParserError || code === "UND_ERR_HEADERS_OVERFLOW";
}
