import type { NextFunction, Request, Response } from "express";
import { readCorrelationId } from "../../core/http/correlation-id.ts";

/** Takes the caller's X-Correlation-Id when it is well formed, else makes one; every answer echoes it (PROTOCOL §7). */
export function correlate(request: Request, response: Response, next: NextFunction): void {
  const correlationId = readCorrelationId(request.get("X-Correlation-Id"));
  response.locals.correlationId = correlationId;
  response.setHeader("X-Correlation-Id", correlationId);
  next();
}

export function correlationOf(response: Response): string {
  return response.locals.correlationId as string;
}
