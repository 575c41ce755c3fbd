import { createPrivateKey, createPublicKey, randomUUID, sign, verify } from "node:crypto";
import { once } from "node:events";
import { Redis } from "ioredis";
import { floorChannel, floorScript, pingChannel, pongChannel } from "../floor/chain-settings.ts";
import { Latencies, type LatencySummary } from "../measure/latencies.ts";
import { HttpClient } from "./http-client.ts";
import { SocketIoClient } from "./socket-io-client.ts";

export interface FloorPartsOptions {
  redisUrl: string;
  deviceGatewayUrl: string;
  pollGatewayUrl: string;
  privateJwk: Record<string, unknown>;
  samples: number;
  warmUp: number;
}

export type FloorParts = Record<
  "socketRoundTrip" | "verification" | "evalsha" | "pubSubHop" | "httpRoundTrip",
  LatencySummary
>;

/** Each part of a confirmation alone, one after another. */
export async function measureFloorParts(options: FloorPartsOptions): Promise<FloorParts> {
  const redis = new Redis(options.redisUrl);
  const subscriber = new Redis(options.redisUrl);
  const http = new HttpClient();
  const socket = await SocketIoClient.open({ url: options.deviceGatewayUrl });
  redis.defineCommand("floor_confirm", { numberOfKeys: 1, lua: floorScript });
  const run = redis as unknown as { floor_confirm(key: string, channel: string, id: string): Promise<unknown> };
  await subscriber.subscribe(pongChannel);
  const measure = (part: () => unknown, share = 1) => repeat(options, part, share);
  try {
    return {
      socketRoundTrip: await measure(() => socket.ask("echo", {})),
      verification: await measure(verification(options.privateJwk)),
      evalsha: await measure(() => run.floor_confirm("floor:{parts}", `${floorChannel}:nobody`, randomUUID())),
      // There and back is two hops over the same two processes.
      pubSubHop: await measure(async () => {
        const back = once(subscriber, "message");
        void redis.publish(pingChannel, "1");
        await back;
      }, 0.5),
      httpRoundTrip: await measure(() => http.send({ method: "GET", url: `${options.pollGatewayUrl}/echo/1` })),
    };
  } finally {
    socket.close();
    redis.disconnect();
    subscriber.disconnect();
    await http.close();
  }
}

async function repeat(
  { samples, warmUp }: FloorPartsOptions,
  part: () => unknown,
  share: number,
): Promise<LatencySummary> {
  const latencies = new Latencies();
  for (let index = 0; index < warmUp + samples; index += 1) {
    const startedAt = performance.now();
    await part();
    if (index >= warmUp) latencies.record((performance.now() - startedAt) * share);
  }
  return latencies.summary();
}

function verification(privateJwk: Record<string, unknown>): () => boolean {
  const key = createPrivateKey({ key: privateJwk, format: "jwk" });
  const input = Buffer.from("p".repeat(500));
  const signature = sign("sha256", input, { key, dsaEncoding: "ieee-p1363" });
  const publicKey = createPublicKey(key);
  return () => verify("sha256", input, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
}
