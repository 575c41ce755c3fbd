import { describe, expect, onTestFinished, test } from "vitest";
import type { ProviderName, TenantInput } from "../../../core/tenants/tenant.ts";
import { createCallProviders } from "../../../worker/providers/registry.ts";
import { answerWith, startTarget } from "../delivery/start-target.ts";
import { interceptOf, tenantOf } from "./open-provider.ts";

const webhook = (url: string) => ({
  mode: "webhook" as const,
  url,
  secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
});
const twilio = { accountSid: "AC0123456789abcdef0123456789abcdef", authTokens: ["t"] };

function openRegistry(...tenants: ReturnType<typeof tenantOf>[]) {
  const registry = createCallProviders({ tenants });
  onTestFinished(registry.close);
  return registry;
}

describe("finding an adapter", () => {
  test("[W9] mode none, a provider that is not configured and the agent have none", () => {
    const registry = openRegistry(tenantOf({ twilio: { mode: "none", ...twilio }, five9: { mode: "none" } }));
    const providers = ["twilio", "nice", "genesys", "five9", "generic", "agent"] as const;
    for (const provider of providers) expect(registry.find("acme", provider), provider).toBeUndefined();
  });

  test("[W9] every other mode has one, per tenant", () => {
    const url = "https://ivr.acme.example/intercept";
    const key = { tokenUrl: url, apiBaseUrl: url, accessKeyId: "k", accessKeySecret: "s" };
    const providers: TenantInput["providers"] = {
      twilio: { mode: "direct", ...twilio },
      nice: { mode: "direct", ...key },
      genesys: webhook(url),
      five9: webhook(url),
      generic: webhook(url),
    };
    const registry = openRegistry(tenantOf(providers), tenantOf({}, { id: "other" }));
    for (const provider of ["twilio", "nice", "genesys", "five9", "generic"] as const) {
      expect(registry.find("acme", provider), provider).toBeDefined();
      expect(registry.find("other", provider), provider).toBeUndefined();
    }
  });

  test("[W9] an unknown tenant or provider has none", () => {
    const registry = openRegistry(tenantOf({ generic: webhook("https://ivr.acme.example/") }));
    for (const attacker of ["", "ACME", "acme generic", "__proto__", "constructor"]) {
      expect(registry.find(attacker, "generic"), attacker).toBeUndefined();
      expect(registry.find("acme", attacker as ProviderName), attacker).toBeUndefined();
    }
  });

  test("[W9] webhook mode of a twilio tenant posts to the tenant, not to Twilio", async () => {
    const target = await startTarget(answerWith(200));
    onTestFinished(target.close);
    const settings = { ...webhook(target.url), ...twilio, apiBaseUrl: "http://127.0.0.1:1" };
    const registry = openRegistry(tenantOf({ twilio: settings }, { allowInsecureTargets: true }));
    const outcome = await registry.find("acme", "twilio")?.redirectCall(interceptOf("twilio"));
    expect(outcome).toEqual({ outcome: "redirected" });
    expect(JSON.parse(target.requests[0]?.body ?? "").data.provider).toBe("twilio");
  });
});

describe("sharing connections", () => {
  test("[W11] two tenants at one origin share its connections", async () => {
    const target = await startTarget(answerWith(200));
    onTestFinished(target.close);
    const insecure = { allowInsecureTargets: true };
    const registry = createCallProviders({
      tenants: ["a", "b"].map((id) => tenantOf({ generic: webhook(target.url) }, { id, ...insecure })),
      http: { connectionsPerOrigin: 1 },
    });
    onTestFinished(registry.close);
    for (const tenantId of ["a", "b", "a", "b"]) {
      await registry.find(tenantId, "generic")?.redirectCall(interceptOf("generic", { tenantId }));
    }
    expect(target.requests).toHaveLength(4);
    expect(target.connections).toBe(1);
  });

  test("[W21] a tenant that allows insecure targets opens no way for one that does not", async () => {
    const target = await startTarget(answerWith(200));
    onTestFinished(target.close);
    const url = target.url.replace("http:", "https:");
    const lax = tenantOf({ generic: webhook(target.url) }, { id: "lax", allowInsecureTargets: true });
    const registry = openRegistry(lax, tenantOf({ generic: webhook(url) }, { id: "strict" }));
    const moved = await registry.find("lax", "generic")?.redirectCall(interceptOf("generic"));
    expect(moved).toEqual({ outcome: "redirected" });
    const refused = await registry.find("strict", "generic")?.redirectCall(interceptOf("generic"));
    expect(refused).toEqual({ outcome: "rejected", detail: "blocked_address" });
    expect(registry.webhookTarget({ allowInsecureTargets: false })).not.toBe(
      registry.webhookTarget({ allowInsecureTargets: true }),
    );
  });
});
