import { isTerminal, type Session } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { recordTurn } from "../sessions/advance-loop.ts";
import { findSession } from "./find-session.ts";
import type { HostedAnswer, HostedCall } from "./hosted-step.ts";
import { leadOn } from "./lead-on.ts";

/** "Press 1 when done": the confirmation is under way. */
const doneKey = "1";
/** As long as a caller takes a silence for the answer being fetched. */
const holdMs = 3000;

/**
 * `/wait`: one turn of the prompt loop, recorded once for its call and index however often it is fetched. Key 0 cancels.
 * After key 1 the answer is held for up to 3 s, before the turn counts, so that a confirmation which is under way is
 * met by success and not by the code once more. Throws `not_found`.
 */
export async function waitForCaller(context: GatewayContext, call: HostedCall): Promise<HostedAnswer> {
  const { tenant, correlationId, turn, digit } = call;
  const found = await findSession(context, call);
  const session = digit === doneKey ? await holdForEnd(context, call, found) : found;
  if (isTerminal(session.status)) return leadOn(context, session, turn);
  const { sessionId } = session;
  const after = await recordTurn(context, { tenant, sessionId, correlationId, index: turn, digit });
  return leadOn(context, after, turn + 1);
}

async function holdForEnd(context: GatewayContext, call: HostedCall, session: Session): Promise<Session> {
  if (isTerminal(session.status)) return session;
  const release = context.admission.polls.tryTake();
  // The next turn of the loop looks again.
  if (!release) return session;
  try {
    const options = { tenant: call.tenant.id, waitMs: holdMs, signal: call.signal };
    return (await context.waiter.wait(session.sessionId, options)) ?? session;
  } finally {
    release();
  }
}
