import type { Deployment, TestGateway } from "./gateway.ts";
import { send } from "./send.ts";
import { waitFor } from "./wait-for.ts";

/** The value of a metric without labels, as the gateway's /metrics says it now. */
export async function readMetric(deployment: Deployment, gateway: TestGateway, name: string): Promise<number> {
  const { text } = await send(gateway, "GET /metrics", { key: deployment.keys.metrics });
  const line = new RegExp(`^${name} (\\S+)$`, "m").exec(text);
  if (!line) throw new Error(`no metric ${name}`);
  return Number(line[1]);
}

/** Waits until as many long polls wait at the gateway, at most half a minute: thousands of them take their time on a busy machine. */
export async function waitForPolls(deployment: Deployment, count: number, gateway = deployment.gateway): Promise<void> {
  let waiting = 0;
  const areAsMany = async () => {
    waiting = await readMetric(deployment, gateway, "callseal_polls_waiting");
    return waiting === count;
  };
  await waitFor(() => `${count} polls wait, not ${waiting}`, areAsMany, { withinMs: 30_000, everyMs: 50 });
}
