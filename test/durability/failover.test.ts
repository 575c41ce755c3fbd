import { describe, expect, test } from "vitest";
import { type Config, loadConfig } from "../../core/config/config.ts";
import { createLogger } from "../../core/logging/create-logger.ts";
import { sessionKeys } from "../../core/redis/keys.ts";
import { startWorker } from "../../worker/start-worker.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { type Core, openCore } from "../support/open-core.ts";
import { type Ack, openDeviceSocket } from "../support/open-device-socket.ts";
import { callerApi, openSession } from "../support/open-session.ts";
import { readTrail } from "../support/read-trail.ts";
import { type Answer, send } from "../support/send.ts";
import { startRedisCluster } from "../support/start-redis-cluster.ts";
import { startRedisSentinel } from "../support/start-redis-sentinel.ts";
import { testTenant } from "../support/test-tenants.ts";
import { waitFor } from "../support/wait-for.ts";
import { answerWith, startTarget } from "../worker/delivery/start-target.ts";

const fixture = useGateways();
const secrets = [`whsec_${Buffer.from("a-secret-of-at-least-24-bytes").toString("base64")}`];
const calls = 6;

interface Topology {
  url: string;
  readonly struck: number;
  /** Strikes the primary that serves the key. */
  strike(key: string): Promise<unknown>;
  /** The struck node is back, and replicas are in sync. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

async function startSentinels(how: "killPrimary" | "freezePrimary"): Promise<Topology> {
  const redis = await startRedisSentinel();
  return {
    url: redis.url,
    get struck() {
      return redis.struck;
    },
    strike: () => redis[how](),
    heal: async () => {
      await redis.revive();
      await redis.inSync();
    },
    close: redis.close,
  };
}

async function startCluster(how: "killPrimary" | "freezePrimary"): Promise<Topology> {
  const redis = await startRedisCluster({ replicas: 1 });
  return {
    url: redis.url,
    get struck() {
      return redis.struck;
    },
    strike: (key) => redis[how](key),
    heal: async () => {
      await redis.healed();
      await redis.revive();
      await redis.inSync();
    },
    close: redis.close,
  };
}

/** Two gateways and a worker over the topology, and an endpoint that moves calls. */
async function deploy(topology: Topology) {
  fixture.closeAfter(() => topology.close());
  const target = await startTarget(answerWith(200));
  fixture.closeAfter(() => target.close());
  const generic = { mode: "webhook" as const, url: `${target.url}/intercept`, secrets };
  const deployment = await fixture.start({
    gateways: 2,
    redisUrl: topology.url,
    tenants: [testTenant({ providers: { generic } })],
    environment: { CALLSEAL_DURABILITY_REPLICAS: "1" },
    allowErrors: true,
  });
  const config = loadConfig(deployment.environment) as Config & { REDIS_URL: string };
  const destination = { write: (line: string) => void deployment.lines.push(line) };
  const worker = await startWorker(config, createLogger({ level: "debug", process: "worker", destination }));
  fixture.closeAfter(() => worker.close());
  const core = openCore(topology.url, { prefix: deployment.prefix });
  fixture.closeAfter(() => core.close());
  return { deployment, target, worker, core };
}

/** A caller whose code has been entered in an app: what is left is to send the proof. */
async function placeClaimedCall(deployment: Deployment) {
  const [deciding, polled] = deployment.gateways as [(typeof deployment.gateways)[0], (typeof deployment.gateways)[0]];
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, deciding, device);
  const { sessionId, did } = await openSession(deployment);
  const { challenge } = await socket.ask("claim", { did });
  const proof = device.proof(challenge!, { did });
  const refused: Ack[] = [];
  return {
    sessionId,
    refused,
    /** Sends the same proof until it is acknowledged, as the app does. */
    confirm: () =>
      waitFor(
        "the proof is acknowledged",
        async () => {
          const ack = await socket.ask("confirm", { proof }).catch(() => ({ ok: false, code: "unanswered" }) as Ack);
          if (!ack.ok) refused.push(ack);
          return ack.ok;
        },
        { withinMs: 30_000, everyMs: 100 },
      ),
    /** Polls until the session is over, as an IVR does: a 503 is asked again. */
    poll: () =>
      waitFor(
        "the poll is answered",
        async () => {
          const path = `${callerApi}/sessions/${sessionId}?wait=55`;
          const answer: Answer = await send(polled, `GET ${path}`, { key: deployment.keys.sessions });
          if (answer.status === 503) return undefined;
          expect(answer.status).toBe(200);
          return answer.body["terminal"] === true ? answer : undefined;
        },
        { withinMs: 60_000, everyMs: 100 },
      ),
  };
}

/** The sessions whose confirmation is in the trail, as often as it is there, and what is wrong with the trail. */
async function confirmedInTrail(core: Core): Promise<{ sessions: string[]; faults: unknown[] }> {
  const { records, faults } = await readTrail(core);
  const events = records.map(({ event }) => JSON.parse(event));
  const confirmed = events.filter(({ type }) => type === "confirmed");
  return { sessions: confirmed.map(({ sessionId }) => sessionId as string).toSorted(), faults };
}

describe.each([
  ["killed under sentinels", () => startSentinels("killPrimary")],
  ["frozen under sentinels", () => startSentinels("freezePrimary")],
  ["killed in a cluster", () => startCluster("killPrimary")],
  ["frozen in a cluster", () => startCluster("freezePrimary")],
])("a primary that is %s while proofs are sent", (_name, start) => {
  test("[C67] is left by all: proofs are acknowledged, polls answered, calls moved once, and the trail goes on", async () => {
    const topology = await start();
    const { deployment, target, worker, core } = await deploy(topology);
    const placed = await Promise.all(Array.from({ length: calls }, () => placeClaimedCall(deployment)));
    const polls = placed.map((call) => call.poll());
    const { session } = sessionKeys(core.keyspace, placed[0]!.sessionId);
    await waitFor("the replicas have all of it", async () => {
      const [, replicas] = (await core.redis.pipeline().set(`${session}:wait`, "1", "EX", 60).wait(1, 500).exec())!;
      return Number(replicas?.[1]) >= 1;
    });

    await topology.strike(session);
    // A primary of the cluster has one replica: until the old primary is back, nobody can have what its successor decides.
    await Promise.all([topology.heal(), ...placed.map((call) => call.confirm())]);
    expect(topology.struck).toBe(1);
    const refusals = placed.flatMap(({ refused }) => refused);
    expect(refusals.length).toBeGreaterThan(0);
    const unlike = refusals.filter(
      ({ code, advice }) => code !== "unanswered" && (code !== "unavailable" || advice !== "retry"),
    );
    expect(unlike).toEqual([]);
    for (const answer of await Promise.all(polls)) expect(answer.body).toMatchObject({ status: "confirmed" });

    const sessionIds = placed.map(({ sessionId }) => sessionId).toSorted();
    const moved = () =>
      [...new Set(target.requests.map(({ body }) => JSON.parse(body).data.sessionId as string))].toSorted();
    await waitFor("every call is moved", () => moved().length === calls, { withinMs: 30_000 });
    expect(moved()).toEqual(sessionIds);
    expect(new Set(target.requests.map(({ headers }) => headers["webhook-id"])).size).toBe(calls);

    await waitFor(
      "every confirmation is in the trail",
      async () => {
        const trail = await confirmedInTrail(core).catch(() => undefined);
        return sessionIds.every((sessionId) => trail?.sessions.includes(sessionId));
      },
      { withinMs: 30_000 },
    );
    expect(await confirmedInTrail(core)).toEqual({ sessions: sessionIds, faults: [] });
    for (const origin of [...deployment.gateways.map(({ baseUrl }) => baseUrl), `http://127.0.0.1:${worker.port}`]) {
      await waitFor("it is ready", async () => (await fetch(`${origin}/readyz`)).status === 200);
    }
  }, 120_000);
});

describe("a transition that is published while a gateway's subscriber hangs on a frozen primary", () => {
  test("[C68] answers the poll as soon as the subscriber has moved on", async () => {
    const redis = await startRedisSentinel();
    fixture.closeAfter(() => redis.close());
    const deployment = await fixture.start({ redisUrl: redis.url, allowErrors: true });
    const { sessionId } = await openSession(deployment);
    const poll = send(deployment.gateway, `GET ${callerApi}/sessions/${sessionId}?wait=55`, {
      key: deployment.keys.sessions,
    });
    const primary = await redis.primary();
    await waitFor(
      "the poll listens",
      async () => ((await primary.admin.pubsub("CHANNELS", "*:status:*")) as []).length > 0,
    );
    await redis.inSync();
    const old = await redis.freezePrimary();
    // The gateway finds its connections dead after three seconds: the new primary is there before.
    await redis.failOver();
    const next = await redis.primaryAfter(old);
    const core = openCore(redis.url, { prefix: deployment.prefix });
    fixture.closeAfter(() => core.close());
    const { outcome } = await core.sessions.cancel(sessionId, "acme", "corr-gap");
    expect(outcome).toBe("canceled");
    expect(await next.admin.pubsub("CHANNELS", "*:status:*")).toEqual([]);
    const at = performance.now();
    expect((await poll).body).toMatchObject({ status: "canceled" });
    expect(performance.now() - at).toBeLessThan(6000);
  }, 60_000);
});
