import type { CallsealError, ErrorCode } from "../verification/errors.ts";

/** HTTP presentation of every error that can reach it (PROTOCOL §8). */
const presentations: Readonly<Partial<Record<ErrorCode, { status: number; title: string }>>> = {
  invalid_request: { status: 400, title: "The request is not valid" },
  unauthenticated: { status: 401, title: "The credentials are missing or unknown" },
  invalid_activation_code: { status: 401, title: "The activation code is unknown, used or expired" },
  forbidden: { status: 403, title: "The request is not allowed" },
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

/** The headers that go with a problem document. */
export function problemHeaders(error: CallsealError): Record<string, string> {
  const { status } = presentations[error.code] ?? unknownError;
  return {
    "Cache-Control": "no-store",
    ...(error.retryAfterSeconds === undefined ? {} : { "Retry-After": String(error.retryAfterSeconds) }),
    ...(status === 401 ? { "WWW-Authenticate": 'Bearer realm="callseal"' } : {}),
  };
}
