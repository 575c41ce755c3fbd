import type { Figure, FigureContext, FigureResult } from "../figure.ts";
import { ratioGoal, valueRow } from "../measure/rounds.ts";
import { enrolDevices } from "../stack/enrol-devices.ts";
import { newKeyPair } from "../stack/new-key-pair.ts";
import { processorMs, spentMs } from "../stack/processor-time.ts";
import type { RemoteCalls } from "../stack/remote-calls.ts";
import { type Deployment, startDeployment } from "../stack/start-deployment.ts";
import { startFloor } from "../stack/start-floor.ts";
import { startLoad } from "../stack/start-load.ts";

interface Done {
  done: number;
  seconds: number;
}

/** One side of the comparison: how to load it, and the processes that serve it. */
interface Side {
  run: (seconds: number) => Promise<Done>;
  pids: number[];
}

/** A round of ours; CPU in microseconds a verification. */
interface Round {
  done: number;
  perSecond: number;
  gatewayUs: number;
  workerUs: number;
  redisUs: number;
}

/** P3: whole verifications per second of CPU that gateway and worker spend, against the CIBA flow of oidc-provider. */
export const verificationsPerCpu: Figure = {
  id: "P3",
  title: "whole verifications per second of CPU",
  async measure(context) {
    const { rounds, seconds, warmUpSeconds, concurrency } = context.plan.throughput;
    context.progress("starting a gateway, a worker, oidc-provider and the bare parts on the same Redis");
    const load = await startLoad(context);
    const { deployment, ours } = await openOurs(context, load);
    const peer = await openPeer(context, load, deployment.access.redisUrl);
    const bare = await openBare(context, load, deployment.access.redisUrl);
    const measured: Round[] = [];
    const rates: Record<"peer" | "bare", Rate[]> = { peer: [], bare: [] };
    const steps = [
      async () => void rates.peer.push(await measureRate(peer, seconds)),
      async () => void measured.push(await measureOurs(ours, deployment, seconds)),
      async () => void rates.bare.push(await measureRate(bare, seconds)),
    ];
    // At first most of the time goes into compiling what runs often.
    for (const side of [peer, bare, ours]) await side.run(warmUpSeconds);
    for (let round = 0; round < rounds; round += 1) {
      context.progress(`round ${round + 1} of ${rounds}: ${concurrency} at once for ${seconds} s, each of three`);
      for (const step of round % 2 === 0 ? steps : steps.toReversed()) await step();
    }
    return present(measured, rates);
  },
};

interface Rate {
  perCpuSecond: number;
  done: number;
}

function present(
  measured: readonly Round[],
  rates: Record<"peer" | "bare", Rate[]>,
): Omit<FigureResult, "id" | "title"> {
  const ours = measured.map(({ gatewayUs, workerUs }) => 1e6 / (gatewayUs + workerUs));
  const of = (list: readonly Rate[]) => list.map(({ perCpuSecond }) => perCpuSecond);
  const sum = (list: readonly { done: number }[]) => list.reduce((total, { done }) => total + done, 0);
  const done = sum(measured);
  const row = (name: string, pick: (round: Round) => number) => valueRow(name, "us CPU", measured.map(pick), done);
  const bareCosts = of(rates.bare).map((rate, round) => rate / ours[round]!);
  return {
    rows: [
      valueRow("Callseal: gateway and worker", "per CPU-second", ours, done),
      valueRow("oidc-provider, CIBA", "per CPU-second", of(rates.peer), sum(rates.peer)),
      valueRow("bare parts: gateway and worker", "per CPU-second", of(rates.bare), sum(rates.bare)),
      valueRow("Callseal, of what the bare parts cost", "times", bareCosts),
      row("Callseal: gateway, a verification", ({ gatewayUs }) => gatewayUs),
      row("Callseal: worker, a verification", ({ workerUs }) => workerUs),
      row("Callseal: Redis, a verification", ({ redisUs }) => redisUs),
      valueRow(
        "Callseal: wall clock, everything on this machine",
        "per second",
        measured.map(({ perSecond }) => perSecond),
        done,
      ),
    ],
    goals: [ratioGoal("ours / peer", { ours, reference: of(rates.peer) }, { atLeast: 3 })],
    notes: [
      "CPU is user and system time of all threads, from /proc. Redis and the clients are not in the ratio.",
      "The bare parts answer the same requests and frames on the same libraries, and check, limit, record and log nothing.",
    ],
  };
}

async function measureRate({ run, pids }: Side, seconds: number): Promise<Rate> {
  const { result, cpuMs } = await spentMs(pids, () => run(seconds));
  return { perCpuSecond: (result.done * 1000) / cpuMs, done: result.done };
}

async function openOurs(context: FigureContext, load: RemoteCalls): Promise<{ deployment: Deployment; ours: Side }> {
  const { concurrency } = context.plan.throughput;
  const providerUrl = await load.call<string>("providerUrl");
  const deployment = await startDeployment(context, { workers: 1, providerUrl });
  const { access, gateways, workers } = deployment;
  const devices = await enrolDevices(access, concurrency);
  const gatewayUrls = gateways.map(({ url }) => url);
  await load.call("openVerifications", { name: "ours", access, devices, gatewayUrls, provider: "twilio" });
  return {
    deployment,
    ours: {
      run: (seconds) => load.call<Done>("runVerifications", { name: "ours", seconds, concurrency }),
      pids: [...gateways, ...workers].map(({ pid }) => pid),
    },
  };
}

async function openPeer(context: FigureContext, load: RemoteCalls, redisUrl: string): Promise<Side> {
  const { concurrency } = context.plan.throughput;
  const device = newKeyPair();
  const peer = await startFloor(context, "peer/ciba-provider", {
    REDIS_URL: redisUrl,
    PEER_DEVICE_JWK: device.publicJwk,
    PEER_SIGNING_JWK: JSON.stringify({ ...newKeyPair().privateJwk, alg: "ES256", use: "sig" }),
  });
  const target = { url: peer.url, privateJwk: device.privateJwk };
  return {
    run: (seconds) => load.call<Done>("runCiba", { target, run: { seconds, concurrency } }),
    pids: [peer.pid],
  };
}

async function openBare(context: FigureContext, load: RemoteCalls, redisUrl: string): Promise<Side> {
  const { concurrency } = context.plan.throughput;
  const { privateJwk, publicJwk } = newKeyPair();
  const providerUrl = await load.call<string>("providerUrl");
  const environment = { REDIS_URL: redisUrl, FLOOR_PUBLIC_JWK: publicJwk, FLOOR_PROVIDER_URL: providerUrl };
  const gateway = await startFloor(context, "floor/verification-gateway", environment);
  const worker = await startFloor(context, "floor/bullmq-worker", environment);
  await load.call("openFloorVerifications", { name: "bare", gatewayUrl: gateway.url, privateJwk, lanes: concurrency });
  return {
    run: (seconds) => load.call<Done>("runVerifications", { name: "bare", seconds, concurrency }),
    pids: [gateway.pid, worker.pid],
  };
}

async function measureOurs(ours: Side, { gateways, redis }: Deployment, seconds: number): Promise<Round> {
  const gatewayPids = gateways.map(({ pid }) => pid);
  const before = { gateway: processorMs(gatewayPids), redis: processorMs([redis.pid]) };
  const { result, cpuMs } = await spentMs(ours.pids, () => ours.run(seconds));
  const gatewayMs = processorMs(gatewayPids) - before.gateway;
  const each = (ms: number) => (ms * 1000) / result.done;
  return {
    done: result.done,
    perSecond: result.done / result.seconds,
    gatewayUs: each(gatewayMs),
    workerUs: each(cpuMs - gatewayMs),
    redisUs: each(processorMs([redis.pid]) - before.redis),
  };
}
