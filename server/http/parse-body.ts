import express, { type NextFunction, type Request, type Response } from "express";
import type { z } from "zod";
import { CallsealError, type FieldFault } from "../../core/verification/errors.ts";

export const largestBodyBytes = 16_384;

/** Reads a JSON body of at most 16 KiB; another media type is 415, no body at all is left to the schema. */
export function jsonBody(mediaTypes: string[] = ["application/json"]) {
  const parseJson = express.json({ limit: largestBodyBytes, type: mediaTypes, strict: false });
  return (request: Request, response: Response, next: NextFunction): void => {
    const hasBody = request.get("Transfer-Encoding") !== undefined || Number(request.get("Content-Length") ?? 0) > 0;
    if (hasBody && !request.is(mediaTypes)) {
      throw new CallsealError("unsupported_media_type", { detail: `Send the body as ${mediaTypes.join(" or ")}.` });
    }
    parseJson(request, response, next);
  };
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
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1").slice(0, 80)}`).join("");
}
