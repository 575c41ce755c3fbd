import { CallsealSdkError } from "../errors.ts";
import type { JsonResponse } from "../exchange-json.ts";
import type { CreatedSession, LoopAnswer, SessionDocument } from "./session.ts";

const statuses: readonly unknown[] = ["pending", "confirmed", "denied", "canceled", "timeout"];
const nextSteps: readonly unknown[] = ["prompt", "success", "failure", "canceled"];

/** Reads the answer to a creation (PROTOCOL §2). Errors: `invalid_response`. */
export function readCreated({ status, body, headers }: JsonResponse): CreatedSession {
  if (typeof body["sessionId"] !== "string" || !statuses.includes(body["status"])) throw misshapen("session");
  const correlationId = headers.get("x-correlation-id");
  const session = { ...body, created: status === 201 } as unknown as CreatedSession;
  return correlationId === null ? session : { ...session, correlationId };
}

/** Reads a status document (PROTOCOL §2). Errors: `invalid_response`. */
export function readDocument({ body }: JsonResponse): SessionDocument {
  const { sessionId, status, terminal } = body;
  // A flow branches on these two: a document in which they disagree must not let a caller through.
  const isConsistent = typeof terminal === "boolean" && terminal === (status !== "pending");
  if (typeof sessionId !== "string" || !statuses.includes(status) || !isConsistent) throw misshapen("status");
  return body as unknown as SessionDocument;
}

/** Reads the answer to a loop step (PROTOCOL §2). Errors: `invalid_response`. */
export function readLoop({ body }: JsonResponse): LoopAnswer {
  if (!nextSteps.includes(body["next"]) || !statuses.includes(body["status"])) throw misshapen("loop");
  return body as unknown as LoopAnswer;
}

function misshapen(what: string): CallsealSdkError {
  return new CallsealSdkError("invalid_response", {
    detail: `the gateway's ${what} answer is not what the protocol describes`,
  });
}
