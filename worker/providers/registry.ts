import type { LookupFunction } from "node:net";
import { Agent } from "undici";
import type { ProviderName, Tenant } from "../../core/tenants/tenant.ts";
import { createGuardedDispatcher, type GuardedDispatcher } from "../delivery/guarded-dispatcher.ts";
import type { CallProvider } from "./call-provider.ts";
import { createNiceProvider } from "./nice/nice-provider.ts";
import { createTwilioProvider } from "./twilio/twilio-provider.ts";
import { createWebhookProvider } from "./webhook/webhook-provider.ts";

export interface ProviderHttpOptions {
  /** One attempt at a provider's API, in milliseconds, all included. Default 1500. */
  attemptTimeoutMs?: number;
  /** One attempt at a tenant's webhook, in milliseconds, all included. Default 5000. */
  webhookTimeoutMs?: number;
  /** Open connections an origin, at most. Default 64. */
  connectionsPerOrigin?: number;
  /** Certificate authorities in PEM, instead of the system's. */
  ca?: string;
  /** The resolver for webhook targets; the system's by default. */
  lookup?: LookupFunction;
}

export interface CallProvidersOptions {
  tenants: Iterable<Tenant>;
  http?: ProviderHttpOptions;
  now?: () => number;
}

/** Every tenant's providers over shared connection pools. */
export interface CallProviders {
  /** Undefined when nothing is to be sent: mode `none`, a provider that is not configured, or an unknown tenant. */
  find(tenantId: string, provider: ProviderName): CallProvider | undefined;
  /** The pool for this tenant's own URLs, which event webhooks use, too. */
  webhookTarget(tenant: Pick<Tenant, "allowInsecureTargets">): GuardedDispatcher;
  /** Waits for attempts under way, which their time-outs bound; may be called again. */
  close(): Promise<void>;
}

const settledProviders = ["twilio", "nice", "genesys", "five9", "generic"] as const;

/** Opens the adapter of every tenant and provider once, with connections that are kept alive between intercepts. */
export function createCallProviders(options: CallProvidersOptions): CallProviders {
  const pools = createPools(options.http ?? {});
  const adapters = new Map<string, CallProvider>();
  for (const tenant of options.tenants) {
    for (const provider of settledProviders) {
      const adapter = openAdapter(tenant, provider, { ...options, pools });
      if (adapter !== undefined) adapters.set(key(tenant.id, provider), adapter);
    }
  }
  let closing: Promise<void> | undefined;
  const closeAll = async () => {
    await Promise.all([...adapters.values()].map((adapter) => adapter.close()));
    await Promise.all([pools.api.close(), pools.strict.close(), pools.insecure.close()]);
  };
  return {
    find: (tenantId, provider) => adapters.get(key(tenantId, provider)),
    webhookTarget: (tenant) => (tenant.allowInsecureTargets ? pools.insecure : pools.strict),
    close: () => {
      closing ??= closeAll();
      return closing;
    },
  };
}

interface Pools {
  /** For the providers' own APIs, whose URLs the operator configures. */
  api: Agent;
  strict: GuardedDispatcher;
  insecure: GuardedDispatcher;
}

type AdapterContext = CallProvidersOptions & { pools: Pools };

/** The one list of adapters. */
function openAdapter(tenant: Tenant, provider: (typeof settledProviders)[number], context: AdapterContext) {
  const { pools, http = {}, now = Date.now } = context;
  const settings = tenant.providers[provider];
  if (settings === undefined || settings.mode === "none") return undefined;
  if (settings.mode === "webhook") {
    const target = tenant.allowInsecureTargets ? pools.insecure : pools.strict;
    return createWebhookProvider({ settings, target, attemptTimeoutMs: http.webhookTimeoutMs ?? 5000, now });
  }
  const api = { tenant, dispatcher: pools.api, attemptTimeoutMs: http.attemptTimeoutMs ?? 1500, now };
  if ("accountSid" in settings) return createTwilioProvider({ ...api, settings });
  return createNiceProvider({ ...api, settings });
}

function createPools({ connectionsPerOrigin = 64, ca, lookup }: ProviderHttpOptions): Pools {
  const shared = { connectionsPerOrigin, ...(ca && { ca }), ...(lookup && { lookup }) };
  return {
    api: new Agent({
      connections: connectionsPerOrigin,
      pipelining: 1,
      // One request at a time on a connection, so that giving up on one cannot touch another.
      allowH2: false,
      keepAliveTimeout: 20_000,
      connect: { timeout: 1000, ...(ca && { ca }) },
    }),
    // Apart, so that a connection opened under the looser rule is never used under the stricter one.
    strict: createGuardedDispatcher(shared),
    insecure: createGuardedDispatcher({ ...shared, allowInsecureTargets: true }),
  };
}

/** Neither part can contain a space. */
function key(tenantId: string, provider: ProviderName): string {
  return `${tenantId} ${provider}`;
}
