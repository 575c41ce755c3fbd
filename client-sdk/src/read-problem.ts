import { CallsealSdkError, type GatewayCode, isGatewayCode } from "./errors.ts";
import { parseRetryAfter } from "./parse-retry-after.ts";

const codeOfStatus: Readonly<Record<number, GatewayCode>> = {
  400: "invalid_request",
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  413: "payload_too_large",
  415: "unsupported_media_type",
  429: "rate_limited",
  500: "internal",
};

/**
 * Turns a response outside 2xx into an error: the `code` of its RFC 9457 problem document, or the code that the
 * status stands for when something between us and the gateway answered instead.
 */
export async function readProblem(response: Response, nowMs: number): Promise<CallsealSdkError> {
  const problem = await readJsonObject(response);
  const code = isGatewayCode(problem["code"]) ? problem["code"] : codeFor(response.status);
  return new CallsealSdkError(code ?? "invalid_response", {
    detail: textOf(problem["detail"]) ?? textOf(problem["title"]) ?? `HTTP ${response.status}`,
    status: response.status,
    retryAfterSeconds: parseRetryAfter(response.headers.get("retry-after"), nowMs),
    correlationId: textOf(problem["correlationId"]) ?? response.headers.get("x-correlation-id") ?? undefined,
    errors: readFaults(problem["errors"]),
  });
}

function codeFor(status: number): GatewayCode | undefined {
  // 502, 503 and 504 come from proxies too: the gateway is not there right now.
  return codeOfStatus[status] ?? (status > 500 ? "unavailable" : undefined);
}

async function readJsonObject(response: Response): Promise<Record<string, unknown>> {
  try {
    const value: unknown = await response.json();
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value.slice(0, 500) : undefined;
}

function readFaults(value: unknown): { pointer: string; message: string }[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, 50).flatMap((fault: unknown) => {
    const { pointer, message } = (fault ?? {}) as Record<string, unknown>;
    return typeof pointer === "string" && typeof message === "string" ? [{ pointer, message }] : [];
  });
}
