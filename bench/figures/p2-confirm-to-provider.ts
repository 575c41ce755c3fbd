import type { Figure, FigureContext } from "../figure.ts";
import { latencyRow } from "../measure/rounds.ts";
import { enrolDevices } from "../stack/enrol-devices.ts";
import { newKeyPair } from "../stack/new-key-pair.ts";
import type { RemoteCalls } from "../stack/remote-calls.ts";
import { startDeployment } from "../stack/start-deployment.ts";
import { startFloor } from "../stack/start-floor.ts";
import { startLoad } from "../stack/start-load.ts";
import { measureConfirms, percentileGoals } from "./measure-confirms.ts";

/** P2: from the device's frame to the request that moves the call, through BullMQ and the worker. */
export const confirmToProvider: Figure = {
  id: "P2",
  title: "confirmation frame sent → provider's request arrives, through BullMQ",
  async measure(context) {
    const { plan, progress } = context;
    progress("starting a gateway, a worker, and the bare chain with a minimal BullMQ worker");
    const load = await startLoad(context);
    const providerUrl = await load.call<string>("providerUrl");
    const deployment = await startDeployment(context, { workers: 1, providerUrl });
    const devices = await enrolDevices(deployment.access, plan.latency.devices);
    await load.call("openCallsealConfirms", {
      name: "ours",
      access: deployment.access,
      devices,
      deviceGatewayUrl: deployment.gateways[0]!.url,
    });
    await startQueuedChain(context, { load, redisUrl: deployment.access.redisUrl, providerUrl });
    const rounds = await measureConfirms(context, load);
    const ours = rounds.ours.map(({ arrival }) => arrival);
    const floor = rounds.floor.map(({ arrival }) => arrival);
    return {
      rows: [latencyRow("Callseal", ours), latencyRow("floor: the bare chain and a minimal BullMQ worker", floor)],
      goals: percentileGoals(rounds, { p50: 1.3, p99: 2 }),
      notes: ["The provider is an HTTP server in the load's process, so that one clock measures both ends."],
    };
  },
};

async function startQueuedChain(
  context: FigureContext,
  parts: { load: RemoteCalls; redisUrl: string; providerUrl: string },
): Promise<void> {
  const { privateJwk, publicJwk } = newKeyPair();
  const environment = {
    REDIS_URL: parts.redisUrl,
    FLOOR_PUBLIC_JWK: publicJwk,
    FLOOR_QUEUE: "1",
    FLOOR_PROVIDER_URL: parts.providerUrl,
  };
  const gateway = await startFloor(context, "floor/chain-device-gateway", environment);
  await startFloor(context, "floor/bullmq-worker", environment);
  const sockets = context.plan.latency.devices;
  await parts.load.call("openFloorConfirms", { name: "floor", sockets, privateJwk, deviceGatewayUrl: gateway.url });
}
