import { LRUCache } from "lru-cache";
import type { ConfirmedSession } from "../verification/session.ts";
import type { Signer } from "./signer.ts";

/** Receipts live ten minutes from the confirmation (PROTOCOL §2). */
export const receiptLifetimeSeconds = 600;

export type IssueReceipt = (session: ConfirmedSession) => Promise<string>;

export interface ReceiptIssuerOptions {
  /** The gateway's origin: a worker without a configured one takes that of the gateway which created the session. */
  issuer: string | ((session: ConfirmedSession) => string);
  /** How many sessions' receipts are kept. Default 5000. */
  remembered?: number;
}

/**
 * Issues the receipt of a confirmed session: a JWS (ES256, `typ: callseal-receipt+jwt`) that says who confirmed which
 * call and how strongly. The claims follow from the session alone, so every gateway and worker issues the same ones;
 * a process signs each session's once.
 */
export function createReceiptIssuer(signer: Signer, options: ReceiptIssuerOptions): IssueReceipt {
  const { issuer } = options;
  const issued = new LRUCache<string, Promise<string>>({ max: options.remembered ?? 5000 });
  return (session) => {
    const known = issued.get(session.sessionId);
    if (known) return known;
    const receipt = signer.sign(
      "callseal-receipt+jwt",
      receiptClaims(session, typeof issuer === "string" ? issuer : issuer(session)),
    );
    issued.set(session.sessionId, receipt);
    return receipt;
  };
}

function receiptClaims(session: ConfirmedSession, issuer: string): Record<string, unknown> {
  const confirmedAt = Math.floor(session.confirmedAtMs / 1000);
  return {
    iss: issuer,
    aud: session.tenant,
    sub: session.subjectId,
    jti: `rcp_${session.sessionId.slice("csn_".length)}`,
    iat: confirmedAt,
    exp: confirmedAt + receiptLifetimeSeconds,
    auth_time: confirmedAt,
    amr: session.proof.amr,
    acr: session.proof.acr,
    sid: session.sessionId,
    cid: session.callId,
    prv: session.provider,
    zid: session.deviceId,
    gen: session.generation,
    mth: session.method,
    prf: session.proof.prf,
  };
}
