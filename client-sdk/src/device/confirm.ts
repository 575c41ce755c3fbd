import { CallsealSdkError } from "../errors.ts";
import type { DeviceContext } from "./device-context.ts";
import { prepareAnswer } from "./prepare-answer.ts";
import type { CallState, Challenge, Confirmation } from "./protocol.ts";
import { readDid } from "./read-did.ts";
import { sendUntilAcked } from "./send-until-acked.ts";

export interface ConfirmAnswer {
  /** The whole spoken code: for a claimed call, and for a push of kind `code`. */
  did?: string;
  /** The last two digits of the spoken code: for a push of kind `match`. */
  match?: string;
  /** Sign with the user-verifying key, which asks for biometric or PIN. Default false. */
  uv?: boolean;
  /** What the phone knows of its own call. */
  call?: CallState;
  signal?: AbortSignal;
}

/** The step that starts it all: this person says, with this device's key, that the live call is theirs. */
export async function confirm(
  context: DeviceContext,
  challenge: Challenge,
  answer: ConfirmAnswer,
): Promise<Confirmation> {
  const transferred = readTransferred(context, challenge, answer);
  const { payload, deadlineMs } = prepareAnswer(context, challenge, {
    dec: "confirm",
    ...transferred,
    ...(answer.uv ? { uv: true } : {}),
    ...(answer.call ? { call: answer.call } : {}),
  });
  const ack = await sendUntilAcked(context, { event: "confirm", payload, deadlineMs, signal: answer.signal });
  return readConfirmation(ack, challenge);
}

/** What the person carried over from the call, in the form that the challenge asks for (PROTOCOL §4, Proof). */
function readTransferred(
  { checkDigits }: DeviceContext,
  { push }: Challenge,
  { did, match }: ConfirmAnswer,
): { did?: string; match?: string } {
  const wrong = (detail: string) => new CallsealSdkError("invalid_argument", { detail });
  if (push === "match") {
    if (did !== undefined || match === undefined || !/^[0-9]{2}$/.test(match))
      throw wrong("this push wants `match`, two digits");
    return { match };
  }
  if (match !== undefined) throw wrong("only a push of kind `match` takes `match`");
  if (push === "tap") {
    if (did !== undefined) throw wrong("a push of kind `tap` takes no code");
    return {};
  }
  if (did === undefined) throw wrong("the spoken code `did` is missing");
  return { did: readDid(did, checkDigits) };
}

function readConfirmation(ack: Record<string, unknown>, challenge: Challenge): Confirmation {
  const { sessionId, status, confirmedAt } = ack;
  if (sessionId !== challenge.sessionId || typeof status !== "string" || typeof confirmedAt !== "string") {
    throw new CallsealSdkError("invalid_response", { detail: "the confirmation was acknowledged without its session" });
  }
  return { sessionId: challenge.sessionId, status, confirmedAt };
}
