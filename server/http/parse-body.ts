import type { NextFunction, Request, Response } from "express";
import type { z } from "zod";
import { CallsealError, type FieldFault } from "../../core/verification/errors.ts";
import { parseJson } from "./parse-json.ts";
import { readBody } from "./read-body.ts";

/** Reads a JSON body of at most 16 KiB; another media type or coding is 415, no body at all is left to the schema. */
export function jsonBody(mediaTypes: string[] = ["application/json"]) {
  return async (request: Request, _response: Response, next: NextFunction): Promise<void> => {
    const hasBody = request.get("Transfer-Encoding") !== undefined || Number(request.get("Content-Length") ?? 0) > 0;
    if (hasBody) {
      requireMediaType(request, mediaTypes);
      const body = await readBody(request);
      if (body.length > 0) request.body = parseJson(body);
    }
    next();
  };
}

function requireMediaType(request: Request, mediaTypes: string[]): void {
  if (!request.is(mediaTypes)) throw unsupported(`Send the body as ${mediaTypes.join(" or ")}.`);
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(request.get("Content-Type") ?? "")?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) throw unsupported("Send the body in UTF-8.");
  const coding = request.get("Content-Encoding") ?? "identity";
  // Nobody compresses half a kilobyte, and what is not inflated cannot be a bomb.
  if (!/^identity$/i.test(coding)) throw unsupported("Send the body without a content coding.");
}

function unsupported(detail: string): CallsealError {
  return new CallsealError("unsupported_media_type", { detail });
}

/** The value as the schema wants it, or `invalid_request` with a pointer to each fault (RFC 6901). */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CallsealError("invalid_request", {
    detail: "Some fields are not valid; errors names them.",
    errors: parsed.error.issues.flatMap(describeIssue).slice(0, 20),
  });
}

function describeIssue(issue: z.core.$ZodIssue): FieldFault[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ pointer: pointerTo([...issue.path, key]), message: "is not a known field" }));
  }
  return [{ pointer: pointerTo(issue.path), message: issue.message }];
}

function pointerTo(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).slice(0, 80).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
