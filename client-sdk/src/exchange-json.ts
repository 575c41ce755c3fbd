import { CallsealSdkError } from "./errors.ts";
import { readProblem } from "./read-problem.ts";
import { abortError } from "./wait-delay.ts";

/** The part of `fetch` that the SDK uses, so that an app can bring its own (a proxy agent, a test double, an interceptor). */
export type Fetch = (url: string, init: FetchInit) => Promise<Response>;

export interface FetchInit {
  method: string;
  headers: Record<string, string>;
  body?: string;
  redirect: "error";
  signal: AbortSignal;
}

export interface JsonRequest {
  url: string;
  method: "GET" | "POST";
  headers?: Record<string, string>;
  body?: unknown;
  /** Covers the whole exchange, the reading of the body included. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  fetch: Fetch;
  clock: () => number;
}

export interface JsonResponse {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/**
 * One HTTP exchange: JSON out, JSON object in. Redirects are refused, because the request carries a credential.
 *
 * Errors: the gateway's own code, `network`, `timeout`, `aborted`, `invalid_response`.
 */
export async function exchangeJson(request: JsonRequest): Promise<JsonResponse> {
  if (request.signal?.aborted) throw abortError(request.signal);
  const controller = new AbortController();
  const forward = () => controller.abort(request.signal && abortError(request.signal));
  request.signal?.addEventListener("abort", forward, { once: true });
  const expire = () =>
    controller.abort(new CallsealSdkError("timeout", { detail: `no answer in ${request.timeoutMs} ms` }));
  const timer = setTimeout(expire, request.timeoutMs);
  try {
    const response = await request.fetch(request.url, fetchInit(request, controller.signal));
    if (!response.ok) throw await readProblem(response, request.clock());
    return { status: response.status, headers: response.headers, body: await readBody(response) };
  } catch (error) {
    if (controller.signal.aborted) throw abortError(controller.signal);
    if (error instanceof CallsealSdkError) throw error;
    throw new CallsealSdkError("network", { detail: "the gateway was not reached", cause: error });
  } finally {
    clearTimeout(timer);
    request.signal?.removeEventListener("abort", forward);
  }
}

function fetchInit(request: JsonRequest, signal: AbortSignal): FetchInit {
  const headers = { accept: "application/json", ...request.headers };
  if (request.body === undefined) return { method: request.method, headers, redirect: "error", signal };
  const body = JSON.stringify(request.body);
  return {
    method: request.method,
    headers: { ...headers, "content-type": "application/json" },
    body,
    redirect: "error",
    signal,
  };
}

async function readBody(response: Response): Promise<Record<string, unknown>> {
  const text = await response.text();
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw new CallsealSdkError("invalid_response", {
      detail: "the answer is not JSON",
      status: response.status,
      cause,
    });
  }
  throw new CallsealSdkError("invalid_response", {
    detail: "the answer is not a JSON object",
    status: response.status,
  });
}
