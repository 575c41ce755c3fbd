import { z } from "zod";
import type { InterceptOutcome } from "../call-provider.ts";

/** UserHub tokens live about an hour; used when the answer does not say. */
const DEFAULT_LIFETIME_SECONDS = 3600;
/** The last fifth of a token's life is for renewing it, so that no intercept waits for a login. */
const RENEW_AFTER_SHARE = 0.8;

export const tokenAnswer = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]{1,16384}$/),
  expires_in: z.coerce.number().positive().max(86_400).catch(DEFAULT_LIFETIME_SECONDS),
});

export type TokenResult = { token: string; lifetimeSeconds: number } | { outcome: InterceptOutcome };
export type UsableToken = { token: string } | { outcome: InterceptOutcome };

export interface AccessToken {
  /** The cached token; renewed ahead of its expiry in the background, fetched once for all who wait for it. */
  current(): Promise<UsableToken>;
  /** A token other than `refused`, which the API did not accept. */
  replace(refused: string): Promise<UsableToken>;
  forget(): void;
}

/** Keeps one access token for all intercepts of a tenant. `fetchToken` must not reject. */
export function createAccessToken(fetchToken: () => Promise<TokenResult>, now: () => number): AccessToken {
  let held: { token: string; renewAtMs: number; expiresAtMs: number } | undefined;
  let pending: Promise<UsableToken> | undefined;

  async function fetchOnce(): Promise<UsableToken> {
    const startedMs = now();
    const result = await fetchToken();
    pending = undefined;
    if ("outcome" in result) return result;
    const lifetimeMs = result.lifetimeSeconds * 1000;
    const renewAtMs = startedMs + lifetimeMs * RENEW_AFTER_SHARE;
    held = { token: result.token, renewAtMs, expiresAtMs: startedMs + lifetimeMs };
    return { token: result.token };
  }

  async function current(): Promise<UsableToken> {
    const atMs = now();
    if (held !== undefined && atMs < held.renewAtMs) return { token: held.token };
    pending ??= fetchOnce();
    return held !== undefined && atMs < held.expiresAtMs ? { token: held.token } : pending;
  }

  return {
    current,
    replace: (refused) => {
      if (held?.token === refused) held = undefined;
      return current();
    },
    forget: () => {
      held = undefined;
    },
  };
}
