import type { NextFunction, Request, Response } from "express";
import type { Logger } from "../../core/logging/create-logger.ts";
import { CallsealError, type ErrorCode } from "../../core/verification/errors.ts";
import { correlationOf } from "./correlation.ts";

/** HTTP presentation of every error that can reach it (PROTOCOL §8). */
const presentations: Readonly<Partial<Record<ErrorCode, { status: number; title: string }>>> = {
  invalid_request: { status: 400, title: "The request is not valid" },
  unauthenticated: { status: 401, title: "The credentials are missing or unknown" },
  invalid_activation_code: { status: 401, title: "The activation code is unknown, used or expired" },
  forbidden: { status: 403, title: "The key does not have the scope for this" },
  not_found: { status: 404, title: "There is no such resource" },
  session_terminal: { status: 409, title: "The session has ended" },
  reissue_exhausted: { status: 409, title: "The call has no further code" },
  payload_too_large: { status: 413, title: "The body is too large" },
  unsupported_media_type: { status: 415, title: "The media type is not supported" },
  rate_limited: { status: 429, title: "Too many requests" },
  internal: { status: 500, title: "Something went wrong here" },
  unavailable: { status: 503, title: "The service is not available for the moment" },
};

const unknownError = { status: 500, title: "Something went wrong here" };

/** What ioredis says when it cannot reach Redis, and Redis when it cannot serve: busy, full, behind or without a disk. */
const outages =
  /^(Command timed out|Connection is closed|the subscriber connection is closed|Stream isn't writeable|READONLY|LOADING|BUSY|OOM|MISCONF|NOREPLICAS|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|None of startup nodes|Failed to refresh slots|All sentinels)/;

/** Whether an error means that Redis did not answer. */
export function isStoreOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error.name === "MaxRetriesPerRequestError" ||
    outages.test(error.message) ||
    ["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT"].includes((error as NodeJS.ErrnoException).code ?? "")
  );
}

/** Turns what body-parser, the router and Redis throw into our own error; anything unknown is `internal`. */
export function toCallsealError(error: unknown): CallsealError {
  if (error instanceof CallsealError) return error;
  if (isStoreOutage(error)) {
    return new CallsealError("unavailable", {
      detail: "The store does not answer. Try again.",
      retryAfterSeconds: 1,
      cause: error,
    });
  }
  const { status, type } = (error ?? {}) as { status?: number; type?: string };
  if (type === "entity.too.large")
    return new CallsealError("payload_too_large", { detail: "The body is too large.", cause: error });
  if (status === 415) return new CallsealError("unsupported_media_type", { cause: error });
  if (status !== undefined && status >= 400 && status < 500) {
    return new CallsealError("invalid_request", { detail: "The request cannot be read.", cause: error });
  }
  return new CallsealError("internal", { cause: error });
}

/** The last handler of the application: one problem document (RFC 9457) for every fault, without internals. */
export function problemHandler(logger: Logger) {
  return (thrown: unknown, request: Request, response: Response, next: NextFunction): void => {
    const error = toCallsealError(thrown);
    const { status } = presentations[error.code] ?? unknownError;
    const correlationId = correlationOf(response);
    if (error.code === "internal")
      logger.error({ err: error.cause ?? error, correlationId, route: request.path }, "request.failed");
    if (error.code === "unavailable") logger.warn({ err: error.cause ?? error, correlationId }, "store.unavailable");
    if (response.headersSent) {
      next(thrown);
      return;
    }
    if (error.retryAfterSeconds !== undefined) response.set("Retry-After", String(error.retryAfterSeconds));
    if (status === 401) response.set("WWW-Authenticate", 'Bearer realm="callseal"');
    response.set("Cache-Control", "no-store");
    response
      .status(status)
      .type("application/problem+json")
      .send(JSON.stringify(problemDocument(error, correlationId)));
  };
}

/** RFC 9457 and the members of PROTOCOL §8; what an `internal` error has to say stays in the log. */
export function problemDocument(error: CallsealError, correlationId: string) {
  const { status, title } = presentations[error.code] ?? unknownError;
  const detail = error.code === "internal" ? undefined : error.detail;
  return {
    type: `urn:callseal:error:${error.code}`,
    title,
    status,
    detail: detail ?? `${title}.`,
    code: error.code,
    correlationId,
    ...(error.code === "invalid_request"
      ? { errors: error.errors ?? [{ pointer: "", message: detail ?? "is not valid" }] }
      : {}),
  };
}

export function notFoundHandler(): never {
  throw new CallsealError("not_found", { detail: "There is nothing at this address." });
}
