import type { NextFunction, Request, Response } from "express";
import { problemDocument, problemHeaders } from "../../core/http/problem-document.ts";
import type { Logger } from "../../core/logging/create-logger.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { AtCapacity } from "../admission/capacity.ts";
import { correlationOf } from "./correlation.ts";

/** What ioredis says when it cannot reach Redis, and Redis when it cannot serve: busy, full, behind or without a disk. */
const outages =
  /^(Command timed out|Connection is closed|the subscriber connection is closed|Stream isn't writeable|Command aborted|Socket timeout|READONLY|UNBLOCKED|EXECABORT|LOADING|BUSY|OOM|MISCONF|NOREPLICAS|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|Too many Cluster redirections|Cluster is|No (?:sharded )?subscriber|None of startup nodes|Failed to refresh slots|All sentinels)/;

/** Whether an error means that Redis did not answer. */
export function isStoreOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error.name === "MaxRetriesPerRequestError" ||
    outages.test(error.message) ||
    [
      "ECONNREFUSED",
      "ECONNRESET",
      "EPIPE",
      "ETIMEDOUT",
      "EHOSTUNREACH",
      "ENETUNREACH",
      "ENOTFOUND",
      "EAI_AGAIN",
    ].includes((error as NodeJS.ErrnoException).code ?? "")
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
    const correlationId = correlationOf(response);
    if (error.code === "internal")
      logger.error({ err: error.cause ?? error, correlationId, route: request.path }, "request.failed");
    // What a cap refuses is counted, not logged: it is many at once, and nothing has failed.
    if (error.code === "unavailable" && !(error instanceof AtCapacity))
      logger.warn({ err: error.cause ?? error, correlationId }, "store.unavailable");
    if (response.headersSent) {
      next(thrown);
      return;
    }
    const problem = problemDocument(error, correlationId);
    response
      .set(problemHeaders(error))
      .status(problem.status)
      .type("application/problem+json")
      .send(JSON.stringify(problem));
  };
}

export function notFoundHandler(): never {
  throw new CallsealError("not_found", { detail: "There is nothing at this address." });
}
