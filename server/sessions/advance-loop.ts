import type { Tenant } from "../../core/tenants/tenant.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { isTerminal, type Session, type SessionStatus } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";

export type LoopStep = "prompt" | "success" | "failure" | "canceled";

export interface LoopAnswer {
  next: LoopStep;
  status: SessionStatus;
  /** Turns of the prompt that are left after this one. */
  remaining: number;
}

/** Where each status leads the IVR's flow. */
const steps: Readonly<Record<SessionStatus, LoopStep>> = {
  pending: "prompt",
  confirmed: "success",
  denied: "failure",
  timeout: "failure",
  canceled: "canceled",
};

/** Records one turn of the prompt loop and says where the flow goes next (PROTOCOL §2). Throws `not_found`. */
export async function advanceLoop(
  context: GatewayContext,
  turn: { tenant: Tenant; sessionId: string; correlationId: string; index: number; digit?: string | undefined },
): Promise<LoopAnswer> {
  return presentTurn(await recordTurn(context, turn), turn.index);
}

/** Records the turn and returns the session after it, for flows that speak themselves. */
export async function recordTurn(
  context: GatewayContext,
  turn: { tenant: Tenant; sessionId: string; correlationId: string; index: number; digit?: string | undefined },
): Promise<Session> {
  const { session } = await context.sessions.advanceLoop(turn.sessionId, {
    tenant: turn.tenant.id,
    index: turn.index,
    digit: turn.digit ?? "",
    correlationId: turn.correlationId,
    event: { index: turn.index, ...(turn.digit === undefined ? {} : { digit: turn.digit }) },
  });
  if (!session) throw new CallsealError("not_found", { detail: "There is no such session." });
  if (isTerminal(session.status)) context.timeouts.end(session);
  return session;
}

function presentTurn(session: Session, index: number): LoopAnswer {
  return { next: steps[session.status], status: session.status, remaining: Math.max(0, session.maxRetries - index) };
}
