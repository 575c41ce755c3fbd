import { createHmac } from "node:crypto";

/** 128 bits that name a person of a tenant, so that creating a subject twice is creating it once. */
export function hashExternalId(secret: string, tenant: string, externalId: string): string {
  return createHmac("sha256", secret)
    .update(`subject|${tenant}|${externalId}`)
    .digest()
    .subarray(0, 16)
    .toString("base64url");
}
