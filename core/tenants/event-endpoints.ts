import { hash } from "node:crypto";
import type { EventWebhook, Tenant } from "./tenant.ts";

/** One URL of a tenant that hears of events. */
export interface EventEndpoint {
  /** Follows from the URL: it stays the same when the tenants file is put in another order. */
  id: string;
  url: string;
  secrets: readonly string[];
}

export function endpointId(url: string): string {
  return hash("sha256", url, "hex").slice(0, 16);
}

/** The tenant's endpoints that want this type of event; a URL that stands there twice hears of it once. */
export function endpointsFor(tenant: Tenant, type: string): EventEndpoint[] {
  const endpoints = new Map<string, EventEndpoint>();
  for (const webhook of tenant.webhooks) {
    const { url, secrets, events } = webhook;
    const wanted = (events as readonly string[]).some((name) => name === "*" || name === type);
    if (wanted && !endpoints.has(url)) endpoints.set(url, { id: endpointId(url), url, secrets });
  }
  return [...endpoints.values()];
}

/** The webhook that an endpoint id stands for, or undefined when the tenant has it no longer. */
export function findEndpoint(tenant: Tenant, id: string): EventWebhook | undefined {
  return tenant.webhooks.find(({ url }) => endpointId(url) === id);
}
