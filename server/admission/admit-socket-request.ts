import { refusal } from "../device/acknowledge.ts";
import type { ClientRequest } from "../device/read-request.ts";
import type { GatewayContext } from "../gateway-context.ts";

/** Does a socket's request in the background, with a place among them for as long as it takes, or refuses it at once. */
export function admitSocketRequest(
  context: Pick<GatewayContext, "admission" | "background">,
  asked: ClientRequest,
  request: { name: string; work: () => Promise<unknown> },
): void {
  const { socketRequests } = context.admission;
  const release = socketRequests.tryTake();
  if (release) context.background.run(request.name, () => request.work().finally(release));
  else asked.ack(refusal(socketRequests.refusal()));
}
