import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deviceKeys } from "../../core/redis/keys.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { openCore } from "../support/open-core.ts";
import { confirmByDid, openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession } from "../support/open-session.ts";
import { type RedisCluster, startRedisCluster } from "../support/start-redis-cluster.ts";
import { waitFor } from "../support/wait-for.ts";

/** A device's record and a session are in different slots there, so that how the device stands is asked for apart. */
const fixture = useGateways();
let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(async () => cluster.close());

async function start() {
  const deployment = await fixture.start({ redisUrl: cluster.url });
  const core = openCore(cluster.url, { prefix: deployment.prefix });
  fixture.closeAfter(() => core.close());
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  const record = deviceKeys(core.keyspace, device.deviceId).device;
  return { deployment, core, device, socket, record };
}

describe("a device on a Redis Cluster", () => {
  test("[D32] confirms, and its counters begin anew", async () => {
    const { deployment, core, device, socket, record } = await start();
    await socket.ask("claim", { did: "no-code" });
    expect(await core.redis.hget(record, "wrongInARow")).toBe("1");
    const { did, get } = await openSession(deployment);
    expect((await confirmByDid(socket, device, did)).status).toBe("confirmed");
    expect((await get()).body.status).toBe("confirmed");
    await waitFor("the counters begin anew", async () => (await core.redis.hget(record, "wrongInARow")) === "0");
  });

  test("[D32] is limited after five wrong DIDs, in claims and proofs, but may deny", async () => {
    const { deployment, device, socket } = await start();
    const { did, get } = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did });
    for (let guesses = 0; guesses < 5; guesses += 1) {
      expect((await socket.ask("claim", { did: "no-code" })).code).toBe("wrong_did");
    }
    expect((await socket.ask("claim", { did })).code).toBe("rate_limited");
    expect((await socket.ask("confirm", { proof: device.proof(challenge!, { did }) })).code).toBe("rate_limited");
    expect((await get()).body.status).toBe("pending");
    const denial = device.proof(challenge!, { dec: "deny", reason: "not_me" });
    expect((await socket.ask("deny", { proof: denial })).status).toBe("denied");
  });

  test("[D32] that was revoked without its socket being told can do nothing", async () => {
    const { deployment, core, device, socket, record } = await start();
    const { did, get } = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did });
    await core.redis.hset(record, "status", "revoked");
    expect((await socket.ask("claim", { did })).code).toBe("device_revoked");
    for (const event of ["confirm", "deny"]) {
      const proof = device.proof(challenge!, { did, dec: event });
      expect((await socket.ask(event, { proof })).code).toBe("device_revoked");
    }
    expect((await get()).body.status).toBe("pending");
  });
});
