import type { CloudContext } from "../cloud-context.ts";
import { SandboxError } from "../sandbox-error.ts";
import type { LiveCall } from "./live-call.ts";

/** Presses keys on a call and records how many were heard. Throws `SandboxError` `call_ended` or `invalid_request`. */
export function pressDigits(call: LiveCall, digits: string, context: CloudContext): number {
  if (call.isOver) throw new SandboxError("call_ended", "the call is over");
  if (!/^[0-9*#]{1,64}$/.test(digits)) {
    throw new SandboxError("invalid_request", "digits are 1 to 64 of 0-9, * and #");
  }
  const heard = call.keypad.press(digits);
  context.ledger.append({ type: "digits.pressed", callSid: call.sid, digits, heard });
  return heard;
}
