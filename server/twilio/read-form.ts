import { type ParsedUrlQuery, parse } from "node:querystring";
import type { Request } from "express";
import { CallsealError } from "../../core/verification/errors.ts";
import { readBody } from "../http/read-body.ts";

/** Sixteen times what Twilio sends; more is not from there. */
const largestFormBytes = 65_536;
const mostFields = 1000;

/**
 * The fields of a form in UTF-8, or undefined when the body is none. Throws as soon as a form is larger than 64 KiB, has
 * more than 1000 fields or is coded: what still comes is not waited for.
 */
export async function readForm(request: Request): Promise<ParsedUrlQuery | undefined> {
  if (!request.is("application/x-www-form-urlencoded")) return undefined;
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(request.get("Content-Type") ?? "")?.[1] ?? "utf-8";
  const coding = request.get("Content-Encoding") ?? "identity";
  if (!/^utf-?8$/i.test(charset) || !/^identity$/i.test(coding)) throw unreadable("is coded");
  const text = (await readBody(request, largestFormBytes)).toString("utf8");
  if (text.split("&", mostFields + 1).length > mostFields) throw unreadable("has too many fields");
  return parse(text, "&", "=", { maxKeys: mostFields });
}

function unreadable(why: string): CallsealError {
  return new CallsealError("invalid_request", { detail: `The form ${why}.` });
}
