import type { GatewayContext } from "../gateway-context.ts";
import { findSession } from "./find-session.ts";
import type { HostedAnswer, HostedCall } from "./hosted-step.ts";
import { leadOn } from "./lead-on.ts";

/** `/prompt`: speaks the code of the turn that the URL names, and changes nothing. Throws `not_found`. */
export async function speakCode(context: GatewayContext, call: HostedCall): Promise<HostedAnswer> {
  return leadOn(context, await findSession(context, call), call.turn);
}
