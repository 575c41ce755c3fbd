import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { CallsealSdkError } from "../errors.ts";
import type { Fetch } from "../exchange-json.ts";
import { explainVerification, type KeySource, loadJwks } from "../load-jwks.ts";

/** How strong the proof was, strongest first (PROTOCOL §2, Receipt). */
export const acrLadder = [
  "urn:callseal:acr:code-mf",
  "urn:callseal:acr:code",
  "urn:callseal:acr:match",
  "urn:callseal:acr:tap",
] as const;
export type Acr = (typeof acrLadder)[number];

/** The claims of a genuine receipt. */
export interface Receipt {
  iss: string;
  aud: string;
  /** The person (SUID). */
  sub: string;
  jti: string;
  /** Seconds since the epoch, as `exp` and `auth_time`. */
  iat: number;
  exp: number;
  auth_time: number;
  amr: string[];
  acr: Acr;
  /** Session id, call id, provider. */
  sid: string;
  cid: string;
  prv: string;
  zid: string;
  gen: number;
  mth: string;
  prf: string;
}

export interface ReceiptKeys {
  /** `<gateway>/.well-known/jwks.json`. Give this or `jwks`. */
  jwksUrl?: string | URL;
  /** The key set itself. */
  jwks?: JSONWebKeySet;
  fetch?: Fetch;
}

export interface ReceiptExpectations {
  /** The tenant id: `aud` of its receipts. */
  tenant: string;
  /** The gateway's public origin; checked when given. */
  issuer?: string;
  /** What the receipt must be about. Name the call that is live: a genuine receipt of another call proves nothing about it. */
  expected?: { sessionId?: string; callId?: string; provider?: string };
  /** The weakest proof that is good enough. Default: any. */
  minimumAcr?: Acr;
  /** For clocks that disagree. Default 5. */
  clockToleranceSeconds?: number;
  /** Default: now. */
  currentDate?: Date;
}

/**
 * Verifies one receipt (PROTOCOL §2): a JWS, ES256, `typ: callseal-receipt+jwt`, for this tenant, unexpired, about the expected
 * call and strong enough. With `jwksUrl` the keys are downloaded for this one receipt: `createReceiptVerifier` keeps them.
 *
 * Errors: `invalid_receipt`; `network` when the keys could not be read; `invalid_argument`.
 */
export function verifyReceipt(receipt: string, options: ReceiptKeys & ReceiptExpectations): Promise<Receipt> {
  return createReceiptVerifier(options)(receipt, options);
}

/**
 * A receipt verifier that keeps the gateway's keys for 10 minutes and looks for a new one when it meets an unknown key id.
 *
 * @example
 * const verify = createReceiptVerifier({ jwksUrl: "https://callseal.example/.well-known/jwks.json" });
 * const { sub, acr } = await verify(receipt, { tenant: "acme", expected: { callId }, minimumAcr: "urn:callseal:acr:match" });
 */
export function createReceiptVerifier(
  keys: ReceiptKeys,
): (receipt: string, expectations: ReceiptExpectations) => Promise<Receipt> {
  const source = readKeySource(keys);
  return async (receipt, expectations) => {
    const claims = await readClaims(receipt, source, expectations);
    checkCall(claims, expectations.expected ?? {});
    checkStrength(claims, expectations.minimumAcr);
    return claims;
  };
}

function readKeySource({ jwksUrl, jwks, fetch }: ReceiptKeys): KeySource {
  if (jwks !== undefined && jwksUrl === undefined) return createLocalJWKSet(jwks);
  if (jwksUrl !== undefined && jwks === undefined) return loadJwks(jwksUrl, { fetch });
  throw new CallsealSdkError("invalid_argument", { detail: "give either jwksUrl or jwks" });
}

async function readClaims(receipt: string, keys: KeySource, expectations: ReceiptExpectations): Promise<Receipt> {
  if (typeof receipt !== "string" || receipt.length > 8192) throw invalid("it is not a receipt");
  try {
    const { payload } = await jwtVerify(receipt, keys, {
      algorithms: ["ES256"],
      typ: "callseal-receipt+jwt",
      audience: expectations.tenant,
      ...(expectations.issuer === undefined ? {} : { issuer: expectations.issuer }),
      ...(expectations.currentDate === undefined ? {} : { currentDate: expectations.currentDate }),
      clockTolerance: expectations.clockToleranceSeconds ?? 5,
      requiredClaims: ["iss", "sub", "jti", "iat", "exp", "auth_time", "amr", "acr", "sid", "cid", "prv", "gen"],
    });
    // RFC 7519 §4.1.3 allows a list; a receipt is for one tenant.
    if (typeof payload.aud !== "string") throw invalid("its aud is a list");
    return payload as unknown as Receipt;
  } catch (error) {
    throw explainVerification(error, "invalid_receipt");
  }
}

function checkCall(
  claims: Receipt,
  { sessionId, callId, provider }: NonNullable<ReceiptExpectations["expected"]>,
): void {
  if (sessionId !== undefined && claims.sid !== sessionId) throw invalid("it is about another session");
  if (callId !== undefined && claims.cid !== callId) throw invalid("it is about another call");
  if (provider !== undefined && claims.prv !== provider) throw invalid("it is about another provider");
}

function checkStrength({ acr }: Receipt, minimum: Acr | undefined): void {
  const rank = acrLadder.indexOf(acr);
  if (rank < 0) throw invalid("its acr is unknown");
  if (minimum !== undefined && rank > acrLadder.indexOf(minimum)) throw invalid("the proof was too weak");
}

function invalid(detail: string): CallsealSdkError {
  return new CallsealSdkError("invalid_receipt", { detail });
}
