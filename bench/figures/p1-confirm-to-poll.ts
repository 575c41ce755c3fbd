import type { Figure, FigureContext, Row } from "../figure.ts";
import type { FloorParts } from "../load/floor-parts.ts";
import { latencyRow } from "../measure/rounds.ts";
import { enrolDevices } from "../stack/enrol-devices.ts";
import { newKeyPair } from "../stack/new-key-pair.ts";
import { startDeployment } from "../stack/start-deployment.ts";
import { startFloor } from "../stack/start-floor.ts";
import { startLoad } from "../stack/start-load.ts";
import { measureConfirms, percentileGoals } from "./measure-confirms.ts";

/** P1: from the device's frame to the answer of a poll that waits on another gateway. */
export const confirmToPoll: Figure = {
  id: "P1",
  title: "confirmation frame sent → long poll answered, other gateway",
  async measure(context) {
    const { plan, progress } = context;
    progress("starting two gateways, a worker, and the bare chain");
    const load = await startLoad(context);
    const deployment = await startDeployment(context, { gateways: 2, workers: 1 });
    const [deviceGateway, pollGateway] = deployment.gateways;
    const devices = await enrolDevices(deployment.access, plan.latency.devices);
    await load.call("openCallsealConfirms", {
      name: "ours",
      access: deployment.access,
      devices,
      deviceGatewayUrl: deviceGateway!.url,
      pollGatewayUrl: pollGateway!.url,
    });
    const chain = await startChain(context, deployment.access.redisUrl);
    await load.call("openFloorConfirms", { name: "floor", sockets: plan.latency.devices, ...chain });
    const rounds = await measureConfirms(context, load);
    progress("the parts alone");
    const { samples, warmUp } = plan.latency;
    const parts = await load.call<FloorParts>("measureFloorParts", {
      ...chain,
      redisUrl: deployment.access.redisUrl,
      samples,
      warmUp,
    });
    const ours = rounds.ours.map(({ arrival }) => arrival);
    const floor = rounds.floor.map(({ arrival }) => arrival);
    return {
      rows: [
        latencyRow("Callseal", ours),
        latencyRow("floor: the bare chain", floor),
        latencyRow(
          "Callseal: frame → acknowledgement",
          rounds.ours.map(({ ack }) => ack),
        ),
        latencyRow(
          "floor: frame → acknowledgement",
          rounds.floor.map(({ ack }) => ack),
        ),
        ...partRows(parts),
      ],
      goals: percentileGoals(rounds, { p50: 1.5, p99: 2.5 }),
      notes: ["The ratio is to the bare chain: percentiles of a sum are not sums of percentiles."],
    };
  },
};

async function startChain(context: FigureContext, redisUrl: string) {
  const { privateJwk, publicJwk } = newKeyPair();
  const environment = { REDIS_URL: redisUrl, FLOOR_PUBLIC_JWK: publicJwk };
  const device = await startFloor(context, "floor/chain-device-gateway", environment);
  const poll = await startFloor(context, "floor/chain-poll-gateway", environment);
  return { privateJwk, deviceGatewayUrl: device.url, pollGatewayUrl: poll.url };
}

function partRows(parts: FloorParts): Row[] {
  const rows = [
    latencyRow("part: socket round trip", [parts.socketRoundTrip]),
    latencyRow("part: ES256 verification", [parts.verification]),
    latencyRow("part: EVALSHA", [parts.evalsha]),
    latencyRow("part: pub/sub hop", [parts.pubSubHop]),
    latencyRow("part: HTTP round trip", [parts.httpRoundTrip]),
  ];
  // Of the HTTP round trip only the answer belongs to a poll that waits already.
  const sum = rows.reduce((total, { value }) => total + value, 0) - parts.httpRoundTrip.p50 / 2;
  const { spread, samples } = rows[0]!;
  return [
    ...rows,
    {
      name: "sum of the parts' medians",
      unit: "us",
      value: sum,
      spread: { ...spread, least: sum, most: sum },
      rounds: 1,
      samples,
    },
  ];
}
