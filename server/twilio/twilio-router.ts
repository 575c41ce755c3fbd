import { Router } from "express";
import { CallsealError } from "../../core/verification/errors.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { answerStep, type Step } from "./answer-step.ts";
import { authenticateWebhook } from "./authenticate-webhook.ts";
import { DegradedUses } from "./degraded-uses.ts";
import { deliverSuccess } from "./deliver-success.ts";
import { explainFailure } from "./explain-failure.ts";
import { KeptRecords } from "./kept-records.ts";
import { type HangUp, markHangUp, noteStatus } from "./note-status.ts";
import { speakCode } from "./speak-code.ts";
import { startCall } from "./start-call.ts";
import { waitForCaller } from "./wait-for-caller.ts";

/** Two commands that time out, for a caller who hears nothing meanwhile. */
const deadlineMs = 4000;
/** The same, after the 3 s that key 1 may be held. */
const waitDeadlineMs = 8000;
/** Long enough for a failover: who was confirmed is better kept waiting than turned away. */
const successDeadlineMs = 9000;

const steps: readonly Step[] = [
  { name: "start", deadlineMs, otherwise: "policy", answer: startCall },
  { name: "prompt", deadlineMs, otherwise: "policy", answer: speakCode },
  { name: "wait", deadlineMs: waitDeadlineMs, otherwise: "policy", answer: waitForCaller },
  { name: "failure", deadlineMs, otherwise: "failure", answer: explainFailure },
];

/** Whatever else Twilio is configured to fetch here: a mistake, and still a caller. */
const unknownStep: Step = {
  name: "unknown",
  deadlineMs,
  otherwise: "failure",
  answer: async () => {
    throw new CallsealError("not_found", { detail: "There is no such step." });
  },
};

/** The Twilio-hosted flow of PROTOCOL §3, under `/ivr/verify`: signed webhooks in, TwiML out. */
export function twilioRouter(context: GatewayContext): Router {
  const router = Router();
  const degradedUses = new DegradedUses(context);
  const hangUps = new KeptRecords<HangUp>(context, "hang-up", (hangUp) => markHangUp(context, hangUp));
  const status: Step = {
    name: "status",
    deadlineMs,
    otherwise: "nothing",
    answer: (_context, call) => noteStatus(context, call, hangUps),
  };
  const arrivals = new KeptRecords<string>(context, "arrival", (sessionId) =>
    context.sessions.reopenIntercept(sessionId),
  );
  const success: Step = {
    name: "success",
    deadlineMs: successDeadlineMs,
    otherwise: "policy",
    answer: deliverSuccess,
    degraded: (sessionId) => arrivals.keep(sessionId),
  };
  router.use(authenticateWebhook(context));
  for (const step of [...steps, success, status]) {
    const answer = answerStep(context, step, degradedUses);
    router.route(`/${step.name}`).get(answer).post(answer);
  }
  router.use(answerStep(context, unknownStep, degradedUses));
  return router;
}
