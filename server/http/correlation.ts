import { randomBytes } from "node:crypto";
import type { NextFunction, Request, Response } from "express";

const accepted = /^[A-Za-z0-9_-]{8,64}$/;

/** Takes the caller's X-Correlation-Id when it is well formed, else makes one; every answer echoes it (PROTOCOL §7). */
export function correlate(request: Request, response: Response, next: NextFunction): void {
  const given = request.get("X-Correlation-Id");
  const correlationId = given !== undefined && accepted.test(given) ? given : newCorrelationId();
  response.locals.correlationId = correlationId;
  response.set("X-Correlation-Id", correlationId);
  next();
}

export function newCorrelationId(): string {
  return `cor_${randomBytes(12).toString("base64url")}`;
}

export function correlationOf(response: Response): string {
  return response.locals.correlationId as string;
}
