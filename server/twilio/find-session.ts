import { parseSessionId } from "../../core/redis/keys.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { Session } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";
import type { HostedCall } from "./hosted-step.ts";

/**
 * The session that a webhook is about: the one that its URL names, else the latest of its call. A session of another
 * call or tenant is `not_found`, however well the request is signed.
 */
export async function findSession(context: GatewayContext, call: HostedCall): Promise<Session> {
  const { tenant, callSid, sid } = call;
  if (callSid === undefined) throw new CallsealError("invalid_request", { detail: "CallSid names no call." });
  const session =
    sid === undefined
      ? await context.sessions.readLatest({ tenant: tenant.id, provider: "twilio", callId: callSid })
      : await readOwn(context, call);
  if (!session) throw new CallsealError("not_found", { detail: "This call has no such session." });
  return session;
}

async function readOwn(context: GatewayContext, call: HostedCall): Promise<Session | undefined> {
  const sessionId = ownSessionId(context, call);
  return sessionId === undefined ? undefined : context.sessions.read(sessionId, call.tenant.id);
}

/**
 * The session id in the URL if it is one of this very call. A session id is derived from its tenant and call, so this
 * is known without asking the store, also when there is none to ask.
 */
export function ownSessionId(context: GatewayContext, call: HostedCall): string | undefined {
  const { tenant, callSid, sid } = call;
  if (sid === undefined || callSid === undefined) return undefined;
  const callHash = context.sessions.callHash({ tenant: tenant.id, provider: "twilio", callId: callSid });
  return parseSessionId(sid)?.callHash === callHash ? sid : undefined;
}
