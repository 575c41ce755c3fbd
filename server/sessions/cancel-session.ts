import type { Tenant } from "../../core/tenants/tenant.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { Session } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";

/** Cancels a pending session; another terminal state stays and is returned. Throws `not_found`. */
export async function cancelSession(
  context: GatewayContext,
  request: { tenant: Tenant; sessionId: string; correlationId: string },
): Promise<Session> {
  const { outcome, session } = await context.sessions.cancel(
    request.sessionId,
    request.tenant.id,
    request.correlationId,
  );
  if (!session) throw new CallsealError("not_found", { detail: "There is no such session." });
  if (outcome === "canceled") context.timeouts.end(session);
  return session;
}
