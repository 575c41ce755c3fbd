import { createHash, timingSafeEqual } from "node:crypto";
import type { SandboxAccount } from "../cloud-context.ts";

/** The account of HTTP Basic credentials `accountSid:authToken`; undefined when they are of none. */
export function authenticateAccount(
  header: string | undefined,
  accounts: ReadonlyMap<string, SandboxAccount>,
): SandboxAccount | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/]{1,1000}={0,2})$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const pair = Buffer.from(encoded, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  const account = accounts.get(pair.slice(0, Math.max(0, colon)));
  if (!account) return undefined;
  const given = pair.slice(colon + 1);
  const tokens = [account.authToken, ...(account.previousAuthTokens ?? [])];
  return tokens.some((token) => sameText(token, given)) ? account : undefined;
}

function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
