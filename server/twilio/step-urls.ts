import type { GatewayContext } from "../gateway-context.ts";
import type { StepName } from "./hosted-step.ts";

/** The absolute public URL of a step, as Twilio will fetch and sign it. */
export function stepUrl(context: GatewayContext, step: StepName, query: Record<string, string>): string {
  return `${context.publicUrl}/ivr/verify/${step}?${new URLSearchParams(query)}`;
}

/** Adds parameters to a tenant's URL and leaves the rest as it stands: its own query, and its connection overrides. */
export function withQuery(address: string, parameters: Record<string, string | undefined>): string {
  const url = new URL(address);
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const added = new URLSearchParams(given).toString();
  if (added !== "") url.search = url.search.length > 1 ? `${url.search}&${added}` : added;
  return url.href;
}
