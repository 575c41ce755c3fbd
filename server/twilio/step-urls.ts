import type { GatewayContext } from "../gateway-context.ts";
import type { StepName } from "./hosted-step.ts";

/** The absolute public URL of a step, as Twilio will fetch and sign it. */
export function stepUrl(context: GatewayContext, step: StepName, query: Record<string, string>): string {
  return `${context.publicUrl}/ivr/verify/${step}?${new URLSearchParams(query)}`;
}
