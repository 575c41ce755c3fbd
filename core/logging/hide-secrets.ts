/** Names whose values never reach a log, wherever they stand in an event. */
const secretNames: ReadonlySet<string> = new Set([
  "did",
  "token",
  "proof",
  "jws",
  "receipt",
  "signature",
  "authorization",
  "apiKey",
  "authToken",
  "authTokens",
  "activationCode",
  "ani",
  "phone",
  "phones",
  "nonce",
  "secret",
  "secrets",
  "accessKeySecret",
]);

const censored = "[redacted]";
/** Events are flat; whatever lies deeper was handed on by mistake, and may be a circle. */
const deepest = 6;

/**
 * The event without the values of secret names, at any depth: the guard behind the rule that an event names what it
 * carries and nothing else. An event that holds none, as every one should, is returned as it is.
 */
export function hideSecrets(event: Record<string, unknown>): Record<string, unknown> {
  return hideWithin(event, 0) as Record<string, unknown>;
}

function hideWithin(value: object, depth: number): unknown {
  if (depth === deepest) return censored;
  const entries = value as Record<string, unknown>;
  let shown = entries;
  for (const name of Object.keys(value)) {
    const inner = entries[name];
    const hidden = secretNames.has(name) ? censored : hideInside(inner, depth);
    if (hidden === inner) continue;
    // Never in the event itself: it may be the very record that the caller goes on with.
    if (shown === entries) shown = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
    shown[name] = hidden;
  }
  return shown;
}

/** Errors have a serializer of their own, which says as much of them as a log may. */
function hideInside(value: unknown, depth: number): unknown {
  return typeof value === "object" && value !== null && !(value instanceof Error)
    ? hideWithin(value, depth + 1)
    : value;
}
