import type { Logger } from "../../core/logging/create-logger.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { AtCapacity } from "../admission/capacity.ts";
import { handshakeError, refusal } from "./acknowledge.ts";

export interface SocketRequest {
  event: string;
  /** Ids for the log line: never a code, a token or a proof. */
  who: Record<string, unknown>;
  work: () => Promise<object>;
  /** The client's acknowledgement; whoever sent none waits for nothing. */
  ack: (answer: unknown) => void;
}

/** Acknowledges with the result or the refusal, logs the request as one event, and returns what came of it. */
export async function answerRequest(
  logger: Logger,
  request: SocketRequest,
): Promise<{ result: string; seconds: number }> {
  const startedAt = performance.now();
  const elapsedMs = () => Math.round((performance.now() - startedAt) * 100) / 100;
  const { event, who, work, ack } = request;
  let result = "ok";
  try {
    const answer = await work();
    ack(answer);
    logger.info({ ...who, ...describe(answer), durationMs: elapsedMs() }, `${event}.accepted`);
  } catch (error) {
    const refused = refusal(error);
    result = refused.code;
    ack(refused);
    const fault = isFault(error, refused.code);
    const why = {
      code: refused.code,
      ...(error instanceof CallsealError && error.detail !== undefined ? { detail: error.detail } : {}),
      ...(fault ? { err: error } : {}),
    };
    logger[fault ? "error" : "info"]({ ...who, ...why, durationMs: elapsedMs() }, `${event}.refused`);
  }
  return { result, seconds: elapsedMs() / 1000 };
}

/** Refuses a handshake with an `Error` whose message is the code, and logs it as `event`. */
export function refuseHandshake(logger: Logger, event: string, error: unknown): Error {
  const refused = handshakeError(error);
  const fault = isFault(error, refused.message);
  logger[fault ? "error" : "info"]({ code: refused.message, ...(fault ? { err: error } : {}) }, event);
  return refused;
}

/** Whether a refusal is our own fault and belongs into the log as one; that there are too many clients is not. */
function isFault(error: unknown, code: string): boolean {
  return (code === "internal" || code === "unavailable") && !(error instanceof AtCapacity);
}

function describe(answer: object): { sessionId?: string | undefined; status?: string | undefined } {
  const { sessionId, status, challenge } = answer as {
    sessionId?: string;
    status?: string;
    challenge?: { sessionId: string };
  };
  return { sessionId: sessionId ?? challenge?.sessionId, status };
}
