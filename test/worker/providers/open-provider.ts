import { type ProviderName, type TenantInput, tenantSchema } from "../../../core/tenants/tenant.ts";
import type { InterceptRequest } from "../../../worker/providers/call-provider.ts";
import { createCallProviders, type ProviderHttpOptions } from "../../../worker/providers/registry.ts";

export const publicUrl = "https://gw.callseal.example";
export const receipt = "eyJ0eXAiOiJjYWxsc2VhbC1yZWNlaXB0K2p3dCJ9.eyJzaWQiOiJjc25fYWJjXzEifQ.c2lnbmF0dXJl";

export function tenantOf(providers: TenantInput["providers"], changes: Partial<TenantInput> = {}) {
  const apiKeys: TenantInput["apiKeys"] = [{ id: "ivr", key: "cs_test_0123456789", scopes: ["sessions"] }];
  return tenantSchema.parse({ id: "acme", name: "Acme Bank", apiKeys, providers, ...changes });
}

/** One tenant's adapter from the registry, as the worker opens it. */
export function openProvider(
  provider: ProviderName,
  tenant: ReturnType<typeof tenantOf>,
  http: ProviderHttpOptions = {},
) {
  const registry = createCallProviders({ tenants: [tenant], http });
  const adapter = registry.find("acme", provider);
  if (adapter === undefined) throw new Error(`the registry has no adapter for ${provider}`);
  return { provider: adapter, close: () => registry.close() };
}

export function interceptOf(provider: ProviderName, changes: Partial<InterceptRequest> = {}): InterceptRequest {
  return {
    tenantId: "acme",
    sessionId: "csn_abc_1",
    callId: "CA0123456789abcdef0123456789abcdef",
    provider,
    metadata: { crmCaseId: "CASE-9911" },
    receipt,
    confirmedAt: "2026-11-23T12:00:00.000Z",
    origin: publicUrl,
    correlationId: "corr-0001",
    signal: new AbortController().signal,
    attempt: 1,
    ...changes,
  };
}
