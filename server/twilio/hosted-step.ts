import type { Tenant, TwilioSettings } from "../../core/tenants/tenant.ts";

/** The steps of the hosted flow, each at `/ivr/verify/<step>` (PROTOCOL §3). */
export const stepNames = ["start", "prompt", "wait", "success", "failure", "status"] as const;
export type StepName = (typeof stepNames)[number];

/** A closed set for logs and metrics: whatever else is asked below `/ivr/verify` is `unknown`. */
export type StepLabel = StepName | "unknown";

export function stepOf(path: string): StepLabel {
  return stepNames.find((name) => path === `/${name}`) ?? "unknown";
}

/** One webhook of one call, as far as it could be read: nothing in it is trusted to be there. */
export interface HostedCall {
  tenant: Tenant;
  settings: TwilioSettings;
  correlationId: string;
  /** Absent when Twilio sent none, two, or one that cannot name a call. */
  callSid: string | undefined;
  /** The `sid` of the URL as it came; empty when it is not one text. Absent when the URL names no session. */
  sid: string | undefined;
  /** The turn of the prompt that the URL names, 1 to 1000; 1 when it names none. */
  turn: number;
  /** The one key that was pressed. */
  digit: string | undefined;
  /** E.164, or absent: withheld, a SIP address, a client's name. */
  ani: string | undefined;
  dnis: string | undefined;
  stirVerstat: string | undefined;
  /** Query of `/start`: the language that is wanted, and the case that the call belongs to. */
  locale: string | undefined;
  caseId: string | undefined;
  callStatus: string | undefined;
  callDurationSeconds: number | undefined;
  /** Twilio's code of the fault that made it fetch this URL as its fallback. */
  errorCode: string | undefined;
  /** Aborted when the answer is no longer wanted: Twilio hung up, or the step's time is over. */
  signal: AbortSignal;
}

/** Where an answer leads the caller. `declined` and `degraded` are the guard's own: see answer-step.ts. */
export type HostedOutcome = "prompt" | "success" | "failure" | "noted" | "declined" | "degraded";

export interface HostedAnswer {
  twiml: string;
  outcome: HostedOutcome;
  sessionId?: string | undefined;
}
