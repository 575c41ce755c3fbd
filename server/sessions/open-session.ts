import { resolveLocale } from "../../core/language/resolve-locale.ts";
import { RateLimited } from "../../core/limits/rate-limited.ts";
import type { Creation } from "../../core/redis/did-index.ts";
import type { CreateOutcome } from "../../core/redis/session-replies.ts";
import type { Tenant } from "../../core/tenants/tenant.ts";
import type { ApiKeyHolder } from "../../core/tenants/tenant-directory.ts";
import { interceptMode } from "../../core/tenants/tenant-directory.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { maskNumber } from "../../core/verification/mask-number.ts";
import type { ProviderName } from "../../core/verification/provider-name.ts";
import type { Session } from "../../core/verification/session.ts";
import { offerSession } from "../device/offer-session.ts";
import type { GatewayContext } from "../gateway-context.ts";
import type { Opened } from "./opened.ts";
import { recordRateLimit } from "./record-rate-limit.ts";

/** A call that reached its verification node, from whichever door it came. */
export interface SessionRequest {
  provider: ProviderName;
  callId: string;
  dnis?: string | undefined;
  ani?: string | undefined;
  locale?: string | undefined;
  metadata?: Record<string, string> | undefined;
  expectedSubject?: string | undefined;
  stirVerstat?: string | undefined;
  reissue?: boolean | undefined;
}

/**
 * Opens the session of a call, or returns the one that it has: idempotent for tenant, provider and call id, however
 * many requests race. Throws `rate_limited`, `session_terminal`, `reissue_exhausted`, `unavailable`.
 */
export async function openSession(
  context: GatewayContext,
  holder: Pick<ApiKeyHolder, "tenant" | "keyId">,
  request: SessionRequest & { correlationId: string },
): Promise<Opened> {
  const callHash = context.sessions.callHash({
    tenant: holder.tenant.id,
    provider: request.provider,
    callId: request.callId,
  });
  const key = `${callHash}:${request.reissue ?? false}`;
  // Requests that race for one call share one opening, so that a retrying IVR is one creation to the limits as well.
  const underWay = context.openings.get(key);
  if (underWay) return { created: false, session: (await underWay).session };
  const opening = openOnce(context, holder, { ...request, callHash }).finally(() => context.openings.delete(key));
  context.openings.set(key, opening);
  return opening;
}

async function openOnce(
  context: GatewayContext,
  holder: Pick<ApiKeyHolder, "tenant" | "keyId">,
  request: SessionRequest & { correlationId: string; callHash: string },
): Promise<Opened> {
  const { tenant } = holder;
  const creation: Creation = {
    keyId: holder.keyId,
    mostByKey: tenant.limits.sessionsPerMinutePerKey,
    ani: request.ani,
    mostByAni: tenant.limits.sessionsPerMinutePerAni,
  };
  const reserved = await reserveOrFind(context, tenant, { ...request, creation });
  if ("known" in reserved) return { created: false, session: reserved.known };

  const { did } = reserved;
  const result = await createSession(context, tenant, { ...request, did });
  context.metrics.sessionsOpened.inc({ tenant: tenant.id, provider: request.provider, outcome: result.outcome });
  if (result.outcome !== "created") {
    release(context, tenant, { callHash: request.callHash, code: did, creation });
  }
  return present(context, tenant, result);
}

/** Counts the creation and reserves its code; a repeat for a call that has its session is none, even past the limit. */
async function reserveOrFind(
  context: GatewayContext,
  tenant: Tenant,
  request: SessionRequest & { callHash: string; correlationId: string; creation: Creation },
): Promise<{ did: string } | { known: Session }> {
  const { callHash, correlationId, creation } = request;
  try {
    const ttlMs = tenant.policy.ttlSeconds * 1000;
    return { did: await context.dids.reserve(tenant.id, callHash, { policy: tenant.policy, ttlMs, creation }) };
  } catch (error) {
    if (!(error instanceof RateLimited)) throw error;
    const session = await context.sessions.readLatest({ ...request, tenant: tenant.id });
    if (session && (session.status === "pending" || !request.reissue)) {
      release(context, tenant, { callHash, creation });
      return { known: session };
    }
    if (error.first) {
      const data = { limit: "sessions", ani: maskNumber(request.ani) };
      recordRateLimit(context, { tenant: tenant.id, correlationId, data });
    }
    throw error;
  }
}

/** What was counted and reserved opened nothing. */
function release(
  context: GatewayContext,
  tenant: Tenant,
  taken: { callHash: string; code?: string; creation: Creation },
): void {
  context.background.run("did.release", () => context.dids.release(tenant.id, taken.callHash, taken));
}

function createSession(
  context: GatewayContext,
  tenant: Tenant,
  request: SessionRequest & { did: string; correlationId: string },
) {
  const locale = resolveLocale(request.locale, tenant.defaultLocale);
  return context.sessions.create({
    tenant: tenant.id,
    provider: request.provider,
    callId: request.callId,
    did: request.did,
    ttlSeconds: tenant.policy.ttlSeconds,
    maxRetries: tenant.policy.maxRetries,
    maxReissues: tenant.policy.maxReissues,
    reissue: request.reissue ?? false,
    locale,
    metadata: request.metadata ?? {},
    dnis: request.dnis,
    ani: request.ani,
    stirVerstat: request.stirVerstat,
    expectedSubject: request.expectedSubject,
    mode: interceptMode(tenant, request.provider),
    origin: context.publicUrl,
    correlationId: request.correlationId,
    event: { ani: maskNumber(request.ani), dnis: request.dnis, locale, stirVerstat: request.stirVerstat },
  });
}

function present(
  context: GatewayContext,
  tenant: Tenant,
  result: { outcome: CreateOutcome; session: Session },
): Opened {
  const { outcome, session } = result;
  switch (outcome) {
    case "created":
      context.timeouts.begin(session);
      context.background.run("push.offer", () => offerSession(context, tenant, session));
      return { created: true, session };
    case "existing":
      return { created: false, session };
    case "session_terminal":
      throw new CallsealError("session_terminal", {
        detail: `The call's session is ${session.status}; only a timed-out one is issued anew.`,
      });
    case "reissue_exhausted":
      throw new CallsealError("reissue_exhausted", { detail: "This call has had as many codes as its tenant allows." });
  }
}
