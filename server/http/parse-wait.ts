import type { Request } from "express";
import type { Tenant } from "../../core/tenants/tenant.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { type ProviderName, waitCapSeconds } from "../../core/verification/provider-name.ts";

/**
 * How long the caller wants to wait: `?wait=N` (whole seconds, anything else is 400) or else `Prefer: wait=N`
 * (RFC 7240: one that cannot be read is ignored). Undefined when the caller does not ask.
 */
export function requestedWaitSeconds(request: Request): number | undefined {
  const query = request.query.wait;
  if (query !== undefined) {
    if (typeof query !== "string" || !/^\d+$/.test(query)) {
      throw new CallsealError("invalid_request", {
        detail: "wait is a whole number of seconds.",
        errors: [{ pointer: "/wait", message: "is not a whole number of seconds" }],
      });
    }
    return Number(query);
  }
  return preferredWaitSeconds(request.get("Prefer"));
}

/** No client has more to say; a longer header is ignored like one that cannot be read. */
const longestPrefer = 1000;

function preferredWaitSeconds(header: string | undefined): number | undefined {
  if (header === undefined || header.length > longestPrefer) return undefined;
  // What stands in a quoted text is one value, commas and all (RFC 7240 §2).
  const unquoted = header.replace(/"((?:[^"\\]|\\.)*)"/g, (_quoted, text) => (/^\d+$/.test(text) ? text : "quoted"));
  for (const preference of unquoted.split(",")) {
    const match = /^\s*wait\s*(?:=\s*([^;\s]*)\s*)?(?:;.*)?$/i.exec(preference);
    if (!match) continue;
    // Of a preference that is given twice, the first counts.
    return /^\d+$/.test(match[1] ?? "") ? Number(match[1]) : undefined;
  }
  return undefined;
}

/** The wait that is applied: never longer than the provider's platform bears. */
export function clampWait(requestedSeconds: number, tenant: Tenant, provider: ProviderName): number {
  const configured = provider === "agent" ? undefined : tenant.providers[provider]?.waitCapSeconds;
  return Math.min(requestedSeconds, configured ?? waitCapSeconds[provider]);
}
