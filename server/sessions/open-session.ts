import { resolveLocale } from "../../core/language/resolve-locale.ts";
import { RateLimited } from "../../core/limits/rate-limited.ts";
import type { CreateOutcome } from "../../core/redis/session-store.ts";
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
  const limited: Limited[] = [
    { name: "sessions-key", key: `${tenant.id}:${holder.keyId}`, most: tenant.limits.sessionsPerMinutePerKey },
  ];
  if (request.ani !== undefined) {
    limited.push({
      name: "sessions-ani",
      key: `${tenant.id}:${request.ani}`,
      most: tenant.limits.sessionsPerMinutePerAni,
    });
  }
  const known = await consumeOrFind(context, limited, { ...request, tenant: tenant.id });
  if (known) return { created: false, session: known };

  const ttlMs = tenant.policy.ttlSeconds * 1000;
  const did = await context.dids.reserve(tenant.id, request.callHash, { policy: tenant.policy, ttlMs });
  const result = await createSession(context, tenant, { ...request, did });
  context.metrics.sessionsOpened.inc({ tenant: tenant.id, provider: request.provider, outcome: result.outcome });
  if (result.outcome !== "created") {
    context.background.run("did.release", () => context.dids.release(tenant.id, request.callHash, did));
    giveBack(context, limited);
  }
  return present(context, tenant, result);
}

type Limited = { name: "sessions-key" | "sessions-ani"; key: string; most: number };

/** Counts the creation; a repeat for a call that has its session already is no new one, even past the limit. */
async function consumeOrFind(
  context: GatewayContext,
  limited: Limited[],
  request: SessionRequest & { tenant: string; correlationId: string },
): Promise<Session | undefined> {
  const refusals: RateLimited[] = [];
  await Promise.all(
    limited.map(({ name, key, most }) =>
      context.limits.consume(name, key, most).catch((error: unknown) => {
        if (!(error instanceof RateLimited)) throw error;
        refusals.push(error);
      }),
    ),
  );
  const [refusal] = refusals;
  if (!refusal) return undefined;
  const session = await context.sessions.readLatest(request);
  if (session && (session.status === "pending" || !request.reissue)) {
    giveBack(context, limited);
    return session;
  }
  if (refusals.some(({ first }) => first)) {
    const { tenant, correlationId } = request;
    const data = { limit: "sessions", ani: maskNumber(request.ani) };
    recordRateLimit(context, { tenant, correlationId, data });
  }
  throw refusal;
}

/** What was counted opened nothing. */
function giveBack(context: GatewayContext, limited: Limited[]): void {
  context.background.run("limit.give-back", () =>
    Promise.all(limited.map(({ name, key, most }) => context.limits.giveBack(name, key, most))),
  );
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
