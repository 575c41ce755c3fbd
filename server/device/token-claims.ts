/** Longest life of a device's token or proof, in seconds (PROTOCOL §4). */
export const longestLifeSeconds = 60;
/** A phone's clock may be a little ahead of ours. */
const mostAheadSeconds = 30;

export function isAudience(claims: Record<string, unknown>, origin: string): boolean {
  return claims.aud === origin;
}

/** `iat` and `exp` are numbers, at most a minute apart, begun and not over (RFC 7519 §4.1). */
export function hasValidTimes(claims: Record<string, unknown>, nowMs: number): boolean {
  return hasValidSpan(claims, nowMs) && !isOver(claims, nowMs);
}

export function hasValidSpan(claims: Record<string, unknown>, nowMs: number): boolean {
  const { iat, exp } = claims;
  if (typeof iat !== "number" || typeof exp !== "number" || !Number.isFinite(iat) || !Number.isFinite(exp))
    return false;
  return exp > iat && exp - iat <= longestLifeSeconds && iat <= nowMs / 1000 + mostAheadSeconds;
}

export function isOver(claims: Record<string, unknown>, nowMs: number): boolean {
  return typeof claims.exp !== "number" || claims.exp <= nowMs / 1000;
}
