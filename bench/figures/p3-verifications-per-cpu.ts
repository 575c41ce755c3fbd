import type { Figure } from "../figure.ts";
import { ratioGoal, valueRow } from "../measure/rounds.ts";
import { enrolDevices } from "../stack/enrol-devices.ts";
import { newKeyPair } from "../stack/new-key-pair.ts";
import { processorMs, spentMs } from "../stack/processor-time.ts";
import { startDeployment } from "../stack/start-deployment.ts";
import { startFloor } from "../stack/start-floor.ts";
import { startLoad } from "../stack/start-load.ts";

interface Done {
  done: number;
  seconds: number;
}

/** P3: whole verifications per second of CPU that gateway and worker spend, against the CIBA flow of oidc-provider. */
export const verificationsPerCpu: Figure = {
  id: "P3",
  title: "whole verifications per second of CPU",
  async measure(context) {
    const { rounds, seconds, warmUpSeconds, concurrency } = context.plan.throughput;
    context.progress("starting a gateway, a worker, and oidc-provider on the same Redis");
    const load = await startLoad(context);
    const providerUrl = await load.call<string>("providerUrl");
    const deployment = await startDeployment(context, { workers: 1, providerUrl });
    const { access, gateways, workers, redis } = deployment;
    const devices = await enrolDevices(access, concurrency);
    const gatewayUrls = gateways.map(({ url }) => url);
    await load.call("openVerifications", { name: "ours", access, devices, gatewayUrls, provider: "twilio" });
    const answering = newKeyPair();
    const peer = await startFloor(context, "peer/ciba-provider", {
      REDIS_URL: access.redisUrl,
      PEER_DEVICE_JWK: answering.publicJwk,
      PEER_SIGNING_JWK: JSON.stringify({ ...newKeyPair().privateJwk, alg: "ES256", use: "sig" }),
    });
    const target = { url: peer.url, privateJwk: answering.privateJwk };
    const runs = {
      ours: (run: object) => load.call<Done>("runVerifications", { name: "ours", ...run }),
      peer: (run: object) => load.call<Done>("runCiba", { target, run }),
    };
    const gatewayPids = gateways.map(({ pid }) => pid);
    const pids = { ours: [...gatewayPids, ...workers.map(({ pid }) => pid)], peer: [peer.pid] };
    const perCpu = { ours: [] as number[], peer: [] as number[] };
    const gatewayUs: number[] = [];
    const redisUs: number[] = [];
    const perSecond: number[] = [];
    let samples = 0;
    // At first most of the time goes into compiling what runs often.
    for (const name of ["peer", "ours"] as const) await runs[name]({ seconds: warmUpSeconds, concurrency });
    for (let round = 0; round < rounds; round += 1) {
      context.progress(`round ${round + 1} of ${rounds}: ${concurrency} at once for ${seconds} s, peer and ours`);
      for (const name of round % 2 === 0 ? (["peer", "ours"] as const) : (["ours", "peer"] as const)) {
        const before = { gateway: processorMs(gatewayPids), redis: processorMs([redis.pid]) };
        const { result, cpuMs } = await spentMs(pids[name], () => runs[name]({ seconds, concurrency }));
        perCpu[name].push((result.done * 1000) / cpuMs);
        if (name === "peer") continue;
        samples += result.done;
        perSecond.push(result.done / result.seconds);
        gatewayUs.push(((processorMs(gatewayPids) - before.gateway) * 1000) / result.done);
        redisUs.push(((processorMs([redis.pid]) - before.redis) * 1000) / result.done);
      }
    }
    return {
      rows: [
        valueRow("Callseal: gateway and worker", "per CPU-second", perCpu.ours, samples),
        valueRow("oidc-provider, CIBA", "per CPU-second", perCpu.peer),
        valueRow("Callseal: gateway, a verification", "us CPU", gatewayUs),
        valueRow(
          "Callseal: worker, a verification",
          "us CPU",
          perCpu.ours.map((rate, round) => 1e6 / rate - gatewayUs[round]!),
        ),
        valueRow("Callseal: Redis, a verification", "us CPU", redisUs),
        valueRow("Callseal: wall clock, everything on this machine", "per second", perSecond),
      ],
      goals: [ratioGoal("ours / peer", { ours: perCpu.ours, reference: perCpu.peer }, { atLeast: 3 })],
      notes: ["CPU is user and system time of all threads, from /proc. Redis and the clients are not in it."],
    };
  },
};
