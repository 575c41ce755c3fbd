import { CallsealSdkError } from "../errors.ts";
import type { DeviceContext } from "./device-context.ts";
import { prepareAnswer } from "./prepare-answer.ts";
import type { Challenge, Denial, DenyReason } from "./protocol.ts";
import { sendUntilAcked } from "./send-until-acked.ts";

export interface DenyAnswer {
  /** `not_me` reports fraud; `mistake` does not. */
  reason: DenyReason;
  signal?: AbortSignal;
}

/** This person says that the live call is not theirs. */
export async function deny(context: DeviceContext, challenge: Challenge, answer: DenyAnswer): Promise<Denial> {
  const { payload, deadlineMs } = prepareAnswer(context, challenge, { dec: "deny", reason: answer.reason });
  const { sessionId, status } = await sendUntilAcked(context, {
    event: "deny",
    payload,
    deadlineMs,
    signal: answer.signal,
  });
  if (sessionId !== challenge.sessionId || typeof status !== "string") {
    throw new CallsealSdkError("invalid_response", { detail: "the denial was acknowledged without its session" });
  }
  return { sessionId: challenge.sessionId, status };
}
