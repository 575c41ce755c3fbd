import type { JWTPayload, JWTVerifyGetKey } from "jose";
import { ConfigError } from "../../core/config/config.ts";
import type { Tenant } from "../../core/tenants/tenant.ts";
import { CallsealError } from "../../core/verification/errors.ts";

/** Signatures only: with a shared secret allowed, a public key would pass for one (RFC 8725 §2.1, §3.1). */
const algorithms = ["RS256", "PS256", "ES256", "EdDSA"];
const longestTokenBytes = 8192;
const jwksDeadlineMs = 3000;
const clockToleranceSeconds = 30;

export interface VerifiedAgent {
  tenant: Tenant;
  expiresAtMs: number;
}
/** Throws `unauthenticated`, or `unavailable` when the issuer's keys cannot be had. */
export type VerifyAgentToken = (token: string) => Promise<VerifiedAgent>;

type OidcTenant = Tenant & { oidc: NonNullable<Tenant["oidc"]> };

/**
 * Verifies JWTs of the tenants' own OIDC issuers: signed by a key of the issuer's JWKS, for the tenant's audience, with
 * `iss`, `aud` and `exp`. Keys are fetched when they are needed, for at most three seconds, and remembered.
 * `now` is in milliseconds since 1970. Throws a ConfigError when two tenants share issuer and audience, or keys would be fetched in clear.
 */
export function createAgentTokenVerifier(tenants: readonly Tenant[], now: () => number): VerifyAgentToken {
  const byIssuer = new Map<string, { tenant: OidcTenant; getKey: JWTVerifyGetKey }[]>();
  for (const tenant of tenants.filter(hasOidc)) {
    const others = byIssuer.get(tenant.oidc.issuer) ?? [];
    requireUsable(
      tenant,
      others.map((other) => other.tenant),
    );
    byIssuer.set(tenant.oidc.issuer, [...others, { tenant, getKey: fetchKeys(tenant.oidc.jwksUrl) }]);
  }
  return async (token) => {
    const claimed = await readClaims(token);
    const audiences = [claimed.aud].flat();
    const found = byIssuer.get(claimed.iss ?? "")?.find(({ tenant }) => audiences.includes(tenant.oidc.audience));
    if (!found) throw new CallsealError("unauthenticated");
    const { tenant, getKey } = found;
    const { issuer, audience } = tenant.oidc;
    const { jwtVerify } = await loadJose();
    const verified = await jwtVerify(token, getKey, {
      issuer,
      audience,
      algorithms,
      requiredClaims: ["iss", "aud", "exp"],
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(now()),
    }).catch((cause: unknown) => {
      throw cause instanceof CallsealError ? cause : new CallsealError("unauthenticated", { cause });
    });
    return { tenant, expiresAtMs: verified.payload.exp! * 1000 };
  };
}

/** Loaded for the first agent who brings a token: no gateway that never sees one starts later for it. */
const loadJose = () => import("jose");

const hasOidc = (tenant: Tenant): tenant is OidcTenant => tenant.oidc !== undefined;

function requireUsable(tenant: OidcTenant, others: readonly OidcTenant[]): void {
  const faults: string[] = [];
  if (others.some((other) => other.oidc.audience === tenant.oidc.audience)) {
    faults.push(`${tenant.id}/oidc: another tenant has this issuer and audience`);
  }
  if (!tenant.allowInsecureTargets && new URL(tenant.oidc.jwksUrl).protocol !== "https:") {
    faults.push(`${tenant.id}/oidc: jwksUrl is not https`);
  }
  if (faults.length > 0) throw new ConfigError("The tenants file is not usable:", faults);
}

/** Read to find the tenant and its keys; nothing is believed before the signature is verified. */
async function readClaims(token: string): Promise<JWTPayload> {
  const { decodeJwt } = await loadJose();
  try {
    if (token.length <= longestTokenBytes) return decodeJwt(token);
  } catch {
    // Refused below, like every text that is no JWT.
  }
  throw new CallsealError("unauthenticated");
}

/** A token that names no key of the issuer is refused; keys that cannot be had are nobody's fault here. */
function fetchKeys(jwksUrl: string): JWTVerifyGetKey {
  let remote: JWTVerifyGetKey | undefined;
  return async (header, token) => {
    const { createRemoteJWKSet, errors } = await loadJose();
    remote ??= createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: jwksDeadlineMs });
    try {
      return await remote(header, token);
    } catch (cause) {
      const namesNoKey =
        cause instanceof errors.JWKSNoMatchingKey ||
        cause instanceof errors.JWKSMultipleMatchingKeys ||
        cause instanceof errors.JOSENotSupported;
      if (namesNoKey) throw cause;
      throw new CallsealError("unavailable", { detail: "The issuer's keys cannot be had.", cause });
    }
  };
}
