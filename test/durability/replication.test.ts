import { describe, expect, test } from "vitest";
import { type EmbeddedRedis, startEmbeddedRedis } from "../../core/redis/embedded-redis.ts";
import { ReplicationBarrier } from "../../core/redis/replication-barrier.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { type GatewayFixture, useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { send } from "../support/send.ts";
import { claimedSession } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useGateways();

/** A second server that follows the file's own, and is in sync when this resolves. */
async function startReplica({ core, closeAfter }: GatewayFixture): Promise<EmbeddedRedis> {
  const primary = new URL(core.url);
  // After a diskless synchronisation Redis 7 may stream nothing for the first second: not what is tested here.
  await core.admin.config("SET", "repl-diskless-sync", "no");
  const replica = await startEmbeddedRedis({
    extra: { replicaof: `${primary.hostname} ${primary.port}`, masterauth: decodeURIComponent(primary.password) },
  });
  closeAfter(() => replica.close());
  const follows = async () => {
    await core.admin.set("marker", "1", "EX", 60);
    return (await core.admin.wait(1, 100)) === 1;
  };
  await waitFor("the replica acknowledges what its primary writes", follows, { withinMs: 15_000 });
  await core.admin.config("RESETSTAT");
  return replica;
}

async function openClaim(environment: Record<string, string>) {
  const deployment = await fixture.start({ environment, allowErrors: true });
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  const json = { provider: "generic", callId: "call-replicated" };
  const created = await send(deployment.gateway, "POST /scramble/caller/v1/sessions", {
    key: deployment.keys.sessions,
    json,
  });
  const { did } = created.body;
  const { challenge } = await socket.ask("claim", { did });
  return { socket, proof: device.proof(challenge!, { did }) };
}

describe("a confirmation with replicas configured", () => {
  test("[C60] is acknowledged once a replica has it", async () => {
    await startReplica(fixture);
    const { socket, proof } = await openClaim({ CALLSEAL_DURABILITY_REPLICAS: "1" });
    expect(await socket.ask("confirm", { proof })).toMatchObject({ ok: true, status: "confirmed" });
  });

  test("[C60] is not acknowledged while the replica stands still, and the same proof succeeds after it", async () => {
    const replica = await startReplica(fixture);
    const { socket, proof } = await openClaim({ CALLSEAL_DURABILITY_REPLICAS: "1" });
    process.kill(replica.pid, "SIGSTOP");
    const refused = await socket.ask("confirm", { proof });
    process.kill(replica.pid, "SIGCONT");
    expect(refused).toMatchObject({ ok: false, code: "unavailable", advice: "retry" });
    await waitFor("the replica has caught up", async () => (await socket.ask("confirm", { proof })).ok);
  });

  test("[C61] a hundred confirmations at once share two waits", async () => {
    await startReplica(fixture);
    const core = fixture.core.open();
    const barrier = new ReplicationBarrier(core.connections.open("durability"), {
      keyspace: core.keyspace,
      replicas: 1,
      cluster: false,
    });
    const decided = await Promise.all(
      Array.from({ length: 100 }, async () => core.sessions.decide((await claimedSession(core)).proof)),
    );
    await Promise.all(decided.map(({ session }) => barrier.pass(session!)));
    const stats = await fixture.core.admin.info("commandstats");
    expect(stats).toMatch(/cmdstat_wait:calls=2,/);
  });
});
