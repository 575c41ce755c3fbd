import type { Tenant } from "../../core/tenants/tenant.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { Session } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";

/** Marks the hang-up of the session's call, once. Throws `not_found`. */
export async function endCall(
  context: GatewayContext,
  request: {
    tenant: Tenant;
    sessionId: string;
    correlationId: string;
    end: { durationSeconds?: number | undefined; disposition?: string | undefined };
  },
): Promise<Session> {
  const { session } = await context.sessions.endCall(request.sessionId, {
    tenant: request.tenant.id,
    correlationId: request.correlationId,
    event: request.end,
  });
  if (!session) throw new CallsealError("not_found", { detail: "There is no such session." });
  return session;
}
