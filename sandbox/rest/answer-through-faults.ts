import type { Request, Response } from "express";
import type { CloudContext } from "../cloud-context.ts";
import type { FaultTarget } from "../faults/fault-plan.ts";
import { waitReal } from "../scaled-clock.ts";
import { sendTwilioError, serverError, tooManyRequests } from "./twilio-error.ts";

interface Exchange {
  request: Request;
  response: Response;
  target: FaultTarget;
  context: CloudContext;
}

/** Does what was asked and answers it, unless a fault of the plan comes in between. */
export async function answerThroughFaults(
  { request, response, target, context }: Exchange,
  perform: () => { httpStatus: number; body: unknown },
): Promise<void> {
  const callSid = String(request.params["callSid"]);
  const fault = context.faults.take(target, callSid);
  if (fault) {
    const { id: faultId, kind } = fault;
    context.ledger.append({ type: "fault.injected", faultId, target, kind, callSid });
  }
  if (fault?.kind === "500") return sendTwilioError(response, serverError());
  if (fault?.kind === "429") {
    if (fault.retryAfterSeconds !== undefined) response.set("Retry-After", String(fault.retryAfterSeconds));
    return sendTwilioError(response, tooManyRequests());
  }
  if (fault?.kind === "reset") return reset(request);
  if (fault?.kind === "slow") await waitReal(fault.delayMs, context.closing);
  const { httpStatus, body } = perform();
  if (fault?.kind === "resetAfterEffect") return reset(request);
  if (fault?.kind === "lateSuccess") await waitReal(fault.delayMs, context.closing);
  response.status(httpStatus).json(body);
}

/** Breaks the connection with a TCP reset, so that the client cannot mistake it for an orderly end. */
function reset(request: Request): void {
  request.socket.resetAndDestroy();
}
