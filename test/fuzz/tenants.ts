import { createHash } from "node:crypto";
import type { Scope, TenantInput } from "../../core/tenants/tenant.ts";

/** Fixed, so that session ids and signatures of a seed are the same in every run. None of them is used elsewhere. */
export const fuzzSecret = "fuzz-secret-of-at-least-thirty-two-bytes-0001";
export const fuzzPublicUrl = "https://callseal.fuzz";
export const acme = { id: "acme", account: `AC${"f1".repeat(16)}`, authToken: "fuzz-auth-token-of-acme" };
export const globex = { id: "globex", account: `AC${"f2".repeat(16)}`, authToken: "fuzz-auth-token-of-globex" };
export const webhookSecret = `whsec_${Buffer.from("fuzz-webhook-secret-32-bytes-long").toString("base64")}`;

const scopes: readonly Scope[] = ["sessions", "agent", "admin", "metrics"];

export function keyOf(tenant: string, scope: Scope): string {
  return `cs_fuzz_${tenant}_${scope}_${createHash("sha256").update(`${tenant}|${scope}`).digest("hex").slice(0, 24)}`;
}

/** Everything that no log line may hold, and that stays the same all the time. */
export const lastingSecrets: readonly string[] = [
  ...[acme.id, globex.id].flatMap((tenant) => scopes.map((scope) => keyOf(tenant, scope))),
  acme.authToken,
  globex.authToken,
  fuzzSecret,
  webhookSecret.slice("whsec_".length),
];

const never = 1_000_000;

/**
 * Two tenants that between them have every policy and every kind of provider. Waits are short, sessions live for ten
 * seconds, and the limits are those that a million inputs do not reach, except the guesses of one device.
 */
export function fuzzTenants(providerUrl: string): TenantInput[] {
  const common = (id: string): Pick<TenantInput, "id" | "apiKeys" | "limits" | "allowInsecureTargets"> => ({
    id,
    apiKeys: scopes.map((scope) => ({ id: `key-${scope}`, key: keyOf(id, scope), scopes: [scope] })),
    limits: {
      // Reached by the smaller tenant.
      sessionsPerMinutePerKey: id === globex.id ? 10 : never,
      sessionsPerMinutePerAni: never,
      pollsPerMinutePerSession: never,
      enrollmentsPerHourPerAddress: never,
      wrongDidsPer10Min: 3,
      offersPer10Min: 1000,
      offersSinceConfirmation: 1000,
    },
    allowInsecureTargets: true,
  });
  const hosted = { apiBaseUrl: providerUrl, waitCapSeconds: 1 };
  const webhook = {
    mode: "webhook" as const,
    url: `${providerUrl}/intercept`,
    secrets: [webhookSecret],
    waitCapSeconds: 1,
  };
  return [
    {
      ...common(acme.id),
      name: "Acme Bank",
      policy: { ttlSeconds: 10, push: "match" },
      providers: {
        twilio: {
          ...hosted,
          mode: "direct",
          accountSid: acme.account,
          authTokens: [acme.authToken, "fuzz-older-auth-token"],
          successUrl: "https://ivr.acme.test/verified?a=b",
          failureUrl: "https://ivr.acme.test/unverified",
        },
        nice: {
          mode: "direct",
          tokenUrl: `${providerUrl}/token`,
          apiBaseUrl: providerUrl,
          accessKeyId: "fuzz-access-key",
          accessKeySecret: "fuzz-access-key-secret",
          waitCapSeconds: 1,
        },
        genesys: { mode: "none", waitCapSeconds: 1 },
        five9: { mode: "none", waitCapSeconds: 1 },
        generic: webhook,
      },
    },
    {
      ...common(globex.id),
      name: "Globex",
      defaultLocale: "de-DE",
      policy: {
        ttlSeconds: 10,
        didDigits: 8,
        didCheckDigit: true,
        push: "tap",
        late: "recently-verified",
        degraded: "fail-open",
        maxReissues: 3,
        incomingCall: "allow",
      },
      providers: {
        twilio: { ...hosted, mode: "none", accountSid: globex.account, authTokens: [globex.authToken] },
        generic: { mode: "none", waitCapSeconds: 1 },
      },
    },
  ];
}
