import { hash } from "node:crypto";
import { z } from "zod";
import type { Device } from "../../core/devices/device-store.ts";
import { type DeviceJws, parseJws, type VerifyJws } from "../../core/devices/verify-jws.ts";
import type { TenantPolicy } from "../../core/tenants/tenant.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { hasValidSpan, isAudience, isOver } from "./token-claims.ts";

export const proofType = "callseal-confirmation+jwt";

const text = z.string().min(1).max(256);
const claimsSchema = z.looseObject({
  iss: text,
  jti: text,
  sid: text,
  cid: text,
  prv: text,
  gen: z.int().min(1),
  nonce: text,
  dec: z.enum(["confirm", "deny"]),
  did: z.string().max(32).optional(),
  mth: z.enum(["push", "did"]).optional(),
  match: z.string().max(8).optional(),
  uv: z.boolean().optional(),
  call: z.enum(["outgoing", "incoming", "none", "unknown"]).optional(),
  reason: z.enum(["not_me", "mistake"]).optional(),
});
export type ProofClaims = z.output<typeof claimsSchema>;

/** A proof whose signature and form are right; whether it decides a session is up to confirm_session.lua. */
export interface VerifiedProof {
  claims: ProofClaims;
  method: "did" | "push";
  /** The code that the claims carry for this method and policy; empty when none is needed. */
  code: string;
  receipt: { amr: string; acr: string; prf: string };
}

export interface ProofChecks {
  device: Pick<Device, "deviceId" | "publicJwk" | "uvJwk">;
  audience: string;
  policy: TenantPolicy;
  decision: "confirm" | "deny";
  verifyJws: VerifyJws;
  nowMs: number;
}

/** What came of a proof: verified, or the fault that was found first and whether that was before its key was looked at. */
export type Examined = { verified: VerifiedProof } | { fault: CallsealError; beforeKey: boolean };

/**
 * Checks a proof in the order of PROTOCOL §4, before any state is touched: size and shape, the socket's own device
 * (whose standing the caller asks for meanwhile), the signature with that key and its algorithm, then `typ`, `aud`,
 * `iat` and `exp`. Finds `invalid_proof` or `expired`.
 */
export function examineProof(text: unknown, checks: ProofChecks): Examined {
  const jws = parseJws(text);
  if (!jws) return { fault: invalid("its size or shape"), beforeKey: true };
  if (jws.header.kid !== checks.device.deviceId) {
    return { fault: invalid("its kid is not this socket's device"), beforeKey: true };
  }
  try {
    return { verified: verifyProof(jws, checks) };
  } catch (error) {
    const fault = error instanceof CallsealError ? error : new CallsealError("internal", { cause: error });
    return { fault, beforeKey: false };
  }
}

function verifyProof(jws: DeviceJws, checks: ProofChecks): VerifiedProof {
  const userVerified = verifySignature(jws, checks);
  if (jws.header.typ !== proofType) throw invalid("its typ");
  if (!isAudience(jws.claims, checks.audience)) throw invalid("its aud");
  if (!hasValidSpan(jws.claims, checks.nowMs)) throw invalid("its iat and exp");
  if (isOver(jws.claims, checks.nowMs))
    throw new CallsealError("expired", { detail: "the proof is older than it may be" });
  const parsed = claimsSchema.safeParse(jws.claims);
  if (!parsed.success) throw invalid("its claims");
  const claims = parsed.data;
  if (claims.iss !== checks.device.deviceId || claims.dec !== checks.decision) throw invalid("its iss or dec");
  if (claims.uv === true && !userVerified) throw invalid("its uv");
  return describeProof(claims, { policy: checks.policy, userVerified, signingInput: jws.signingInput });
}

/** Returns whether the user-verifying key signed; throws when neither of the device's keys did. */
function verifySignature(jws: DeviceJws, checks: ProofChecks): boolean {
  if (checks.verifyJws(jws, checks.device.publicJwk)) return false;
  if (checks.device.uvJwk !== undefined && checks.verifyJws(jws, checks.device.uvJwk)) return true;
  throw invalid("its signature");
}

function describeProof(
  claims: ProofClaims,
  facts: { policy: TenantPolicy; userVerified: boolean; signingInput: string },
): VerifiedProof {
  const method = claims.mth === "push" ? "push" : "did";
  const code = codeOf(claims, method, facts.policy);
  if (claims.dec === "confirm" && code === undefined) throw invalid("the code is missing");
  return {
    claims,
    method,
    code: code ?? "",
    receipt: {
      amr: ["mca", "swk", "user", ...(facts.userVerified ? ["mfa"] : [])].join(" "),
      acr: `urn:callseal:acr:${assurance(method, facts)}`,
      prf: hash("sha256", facts.signingInput, "base64url"),
    },
  };
}

function codeOf(claims: ProofClaims, method: "did" | "push", policy: TenantPolicy): string | undefined {
  if (method === "did" || policy.push === "code") return claims.did;
  return policy.push === "match" ? claims.match : "";
}

/** The ladder of PROTOCOL §2 (NIST SP 800-63B-4 §3.1.3): whole code, two digits, plain approval. */
function assurance(method: "did" | "push", facts: { policy: TenantPolicy; userVerified: boolean }): string {
  if (method === "did" || facts.policy.push === "code") return facts.userVerified ? "code-mf" : "code";
  return facts.policy.push === "match" ? "match" : "tap";
}

function invalid(what: string): CallsealError {
  return new CallsealError("invalid_proof", { detail: `the proof is refused: ${what}` });
}
