import { CallsealSdkError } from "../errors.ts";
import { exchangeJson, type Fetch, type JsonRequest, type JsonResponse } from "../exchange-json.ts";
import { retryUntil } from "../retry-until.ts";
import { readCreated, readDocument, readLoop } from "./read-session.ts";
import type {
  CallEndedRequest,
  CreatedSession,
  CreateSessionRequest,
  LoopAnswer,
  LoopRequest,
  ProviderName,
  SessionDocument,
} from "./session.ts";
import { type WaitUntilTerminalOptions, waitUntilTerminal } from "./wait-until-terminal.ts";

export interface SessionsClientOptions {
  /** Where the gateway is, e.g. `https://callseal.example`; a path before `/scramble` is kept. */
  baseUrl: string | URL;
  /** A key with scope `sessions`. */
  apiKey: string;
  /** Milliseconds for one exchange; a long poll gets its `waitSeconds` on top. Default 5000. */
  timeoutMs?: number;
  /** Attempts of one call of a method, over lost connections, 429 and 503. Default 3. */
  maxAttempts?: number;
  /** Upper bound of the first pause between attempts. Default 100. */
  backoffBaseMs?: number;
  fetch?: Fetch;
  /** Milliseconds since the epoch. Default `Date.now`. */
  clock?: () => number;
  /** Uniform in [0, 1). Default `Math.random`. */
  random?: () => number;
}

export interface CallOptions {
  signal?: AbortSignal;
  /** 8 to 64 of `[A-Za-z0-9_-]`; carried through to the intercept of the call. */
  correlationId?: string;
}

export interface PollOptions extends CallOptions {
  /** Whole seconds to hold the request while the session is pending; the gateway clamps it to the platform's cap. */
  waitSeconds?: number;
}

/**
 * The session API (PROTOCOL §2) for an IVR. Every method is idempotent at the gateway and therefore retried here, honouring
 * `Retry-After`, `maxAttempts` times.
 *
 * Errors: the gateway's code, `network`, `timeout`, `aborted`, `invalid_response`, `invalid_argument`.
 *
 * @example
 * const sessions = new SessionsClient({ baseUrl: "https://callseal.example", apiKey });
 * const session = await sessions.create({ provider: "genesys", callId: conversationId });
 * const outcome = await sessions.waitUntilTerminal(session.sessionId);
 */
export class SessionsClient {
  readonly #base: string;
  readonly #apiKey: string;
  readonly #timeoutMs: number;
  readonly #maxAttempts: number;
  readonly #backoffBaseMs: number;
  readonly #fetch: Fetch;
  readonly #clock: () => number;
  readonly #random: () => number;

  constructor(options: SessionsClientOptions) {
    this.#base = `${new URL(options.baseUrl).href.replace(/\/+$/, "")}/scramble/caller/v1`;
    this.#apiKey = options.apiKey;
    this.#timeoutMs = options.timeoutMs ?? 5000;
    this.#maxAttempts = options.maxAttempts ?? 3;
    this.#backoffBaseMs = options.backoffBaseMs ?? 100;
    // Called through a function: a browser's fetch refuses another `this`.
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init));
    this.#clock = options.clock ?? Date.now;
    this.#random = options.random ?? Math.random;
  }

  /** Starts a verification, or returns the one that the call has already. Errors: `reissue_exhausted`, `session_terminal`. */
  async create(request: CreateSessionRequest, options: CallOptions = {}): Promise<CreatedSession> {
    return readCreated(await this.#send({ method: "POST", path: "/sessions", body: request, ...options }));
  }

  /** The status document; with `waitSeconds` it is answered the moment the session is terminal. */
  async get(sessionId: string, options: PollOptions = {}): Promise<SessionDocument> {
    return this.#poll(`/sessions/${segment(sessionId)}`, options);
  }

  /** The status document of the call's latest session. */
  async getByCall(provider: ProviderName, callId: string, options: PollOptions = {}): Promise<SessionDocument> {
    return this.#poll(`/calls/${segment(provider)}/${segment(callId)}`, options);
  }

  /** Ends a pending session; a terminal one is returned unchanged. */
  async cancel(sessionId: string, options: CallOptions = {}): Promise<SessionDocument> {
    return readDocument(
      await this.#send({ method: "POST", path: `/sessions/${segment(sessionId)}/cancel`, ...options }),
    );
  }

  /** Records one round of the prompt loop and says what the flow does next. */
  async loop(sessionId: string, request: LoopRequest, options: CallOptions = {}): Promise<LoopAnswer> {
    const path = `/sessions/${segment(sessionId)}/loop`;
    return readLoop(await this.#send({ method: "POST", path, body: request, ...options }));
  }

  /** Marks the hang-up: a confirmation after it is late. */
  async callEnded(
    sessionId: string,
    request: CallEndedRequest = {},
    options: CallOptions = {},
  ): Promise<SessionDocument> {
    const path = `/sessions/${segment(sessionId)}/call-ended`;
    return readDocument(await this.#send({ method: "POST", path, body: request, ...options }));
  }

  /** Long-polls until the session has ended, over faults of network and gateway. Errors: `timeout` at the deadline. */
  async waitUntilTerminal(sessionId: string, options: WaitUntilTerminalOptions = {}): Promise<SessionDocument> {
    const poll = (pollOptions: PollOptions) => this.#pollOnce(`/sessions/${segment(sessionId)}`, pollOptions);
    return waitUntilTerminal({ poll, clock: this.#clock, random: this.#random }, options);
  }

  async #poll(path: string, options: PollOptions): Promise<SessionDocument> {
    return this.#retry(() => this.#pollOnce(path, options), options.signal);
  }

  async #pollOnce(path: string, { waitSeconds = 0, ...options }: PollOptions): Promise<SessionDocument> {
    if (!Number.isSafeInteger(waitSeconds) || waitSeconds < 0) {
      throw new CallsealSdkError("invalid_argument", { detail: "waitSeconds is a whole number, 0 or more" });
    }
    const query = waitSeconds > 0 ? `?wait=${waitSeconds}` : "";
    const timeoutMs = this.#timeoutMs + waitSeconds * 1000;
    return readDocument(await this.#sendOnce({ method: "GET", path: `${path}${query}`, timeoutMs, ...options }));
  }

  async #send(request: ApiRequest): Promise<JsonResponse> {
    return this.#retry(() => this.#sendOnce(request), request.signal);
  }

  #sendOnce({ path, correlationId, timeoutMs = this.#timeoutMs, ...request }: ApiRequest): Promise<JsonResponse> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#apiKey}` };
    if (correlationId !== undefined) headers["x-correlation-id"] = correlationId;
    const url = `${this.#base}${path}`;
    return exchangeJson({ ...request, url, headers, timeoutMs, fetch: this.#fetch, clock: this.#clock });
  }

  #retry<T>(attempt: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return retryUntil(attempt, {
      deadlineMs: Number.POSITIVE_INFINITY,
      maxAttempts: this.#maxAttempts,
      clock: this.#clock,
      random: this.#random,
      signal,
      baseMs: this.#backoffBaseMs,
      capMs: 2000,
    });
  }
}

interface ApiRequest extends Pick<JsonRequest, "method" | "body" | "signal"> {
  path: string;
  correlationId?: string;
  timeoutMs?: number;
}

/** One path segment: a call id may contain `/`, `?` and `#`, and `..` would leave the collection. */
function segment(value: string): string {
  if (typeof value !== "string" || value === "" || value === "." || value === "..") {
    throw new CallsealSdkError("invalid_argument", { detail: "an id is missing" });
  }
  return encodeURIComponent(value);
}
