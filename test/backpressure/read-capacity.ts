import type { Deployment } from "../support/gateway.ts";
import { send } from "../support/send.ts";
import { waitFor } from "../support/wait-for.ts";

type Figure = "used" | "limit" | "refused_total";

/** One figure of a cap, as the gateway's /metrics says it now; 0 when it says nothing. */
export async function readCapacity(deployment: Deployment, figure: Figure, cap: string): Promise<number> {
  return readLabelled(deployment, `callseal_capacity_${figure}{cap="${cap}"}`);
}

/** The value of a metric with its labels as they are written; 0 when there is none. */
export async function readLabelled(deployment: Deployment, name: string): Promise<number> {
  const { text } = await send(deployment.gateway, "GET /metrics", { key: deployment.keys.metrics });
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

/** Waits until so much of a cap is taken. */
export async function waitForUsed(deployment: Deployment, cap: string, count: number): Promise<void> {
  await waitFor(`${count} of ${cap} are taken`, async () => (await readCapacity(deployment, "used", cap)) === count, {
    withinMs: 15_000,
    everyMs: 20,
  });
}
