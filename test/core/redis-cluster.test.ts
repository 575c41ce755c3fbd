import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { parseEventId } from "../../core/events/event-position.ts";
import { combinesSlots } from "../../core/redis/combines-slots.ts";
import { parseSessionId, partitionBase, partitionOf } from "../../core/redis/keys.ts";
import { liveADay } from "../support/live-a-day.ts";
import { type Core, type CoreOptions, openCore } from "../support/open-core.ts";
import { type RedisCluster, startRedisCluster } from "../support/start-redis-cluster.ts";
import { claimedSession, expire, newSession } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";

let cluster: RedisCluster;
const cores: Core[] = [];
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterEach(async () => {
  for (const core of cores.splice(0).reverse()) await core.close();
  for (const close of closers.splice(0)) await close();
  await waitFor("every connection of the test is closed", async () => (await otherClients()).length === 0);
  for (const master of cluster.masters) await master.flushall();
});
afterAll(async () => cluster.close());

function open(options?: CoreOptions): Core {
  const core = openCore(cluster.url, options);
  cores.push(core);
  return core;
}

async function otherClients(): Promise<{ line: string; kill: () => Promise<unknown> }[]> {
  const found = await Promise.all(
    cluster.masters.map(async (master) => {
      const lines = ((await master.client("LIST")) as string).split("\n").filter((line) => line.startsWith("id="));
      const others = lines.filter((line) => !line.includes(" name=test:admin "));
      return others.map((line) => ({ line, kill: () => master.client("KILL", "ID", /^id=(\d+)/.exec(line)![1]!) }));
    }),
  );
  return found.flat();
}

/** Sessions until every partition has one. */
async function oneInEachPartition(core: Core) {
  const byPartition = new Map<number, Awaited<ReturnType<typeof claimedSession>>>();
  for (let tries = 0; byPartition.size < core.keyspace.partitions && tries < 2000; tries += 1) {
    const claimed = await claimedSession(core);
    const { callHash } = parseSessionId(claimed.session.sessionId)!;
    byPartition.set(partitionOf(callHash, core.keyspace.partitions), claimed);
  }
  return [...byPartition.values()];
}

describe("under Redis Cluster", () => {
  test("[C39] the whole life of sessions, devices, limits and events crosses no slot", async () => {
    const core = open();
    const { subjectId, deviceId, confirmed } = await liveADay(core);
    expect((await core.devices.listDevices(subjectId)).map((device) => device.deviceId)).toEqual([deviceId]);
    expect(await core.sessions.read(confirmed.sessionId, "acme")).toMatchObject({
      status: "confirmed",
      intercept: { status: "succeeded", attempts: 2 },
    });
    expect(await core.devices.revoke("acme", deviceId, "corr")).toBe("revoked");
    const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
    const types = new Set(events.map((event) => event.type));
    for (const type of ["device_enrolled", "session_created", "confirmed", "late_confirmation", "timeout", "reissued"])
      expect(types).toContain(type);
  });

  test("[C39] every partition confirms, cancels and times out, and all masters take part", async () => {
    const core = open();
    const claimed = await oneInEachPartition(core);
    expect(claimed).toHaveLength(16);
    for (const [index, { session, proof }] of claimed.entries()) {
      if (index % 3 === 0) expect((await core.sessions.decide(proof)).outcome).toBe("confirmed");
      if (index % 3 === 1)
        expect((await core.sessions.cancel(session.sessionId, "acme", "c")).outcome).toBe("canceled");
      if (index % 3 === 2) {
        await expire(core, session.sessionId);
        expect((await core.sessions.expire(session.sessionId)).outcome).toBe("timeout");
      }
    }
    for (const master of cluster.masters) expect(await master.dbsize()).toBeGreaterThan(0);
    const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
    expect(events.filter(({ type }) => ["confirmed", "canceled", "timeout"].includes(type))).toHaveLength(16);
    const ids = events.map(({ id }) => parseEventId(id)!);
    expect(ids).toEqual([...ids].sort((a, b) => a.ms - b.ms || a.sequence - b.sequence || a.partition - b.partition));
  });

  test("[C74] no script may touch keys of different slots, and Redis says so", async () => {
    const core = open();
    expect(await combinesSlots(core.redis, core.keyspace)).toBe(false);
  });

  test("[C39] racing creates over two clients are one session", async () => {
    const first = open();
    const second = open({ prefix: first.keyspace.prefix });
    const race = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        (index % 2 ? first : second).sessions.create(newSession({ callId: "raced", did: String(100_000 + index) })),
      ),
    );
    expect(race.filter(({ outcome }) => outcome === "created")).toHaveLength(1);
    expect(new Set(race.map(({ session }) => session.did)).size).toBe(1);
  });

  test("[C39] a channel is sharded and hears the transition that another client made, on every partition", async () => {
    const confirming = open();
    const waiting = open({ prefix: confirming.keyspace.prefix });
    const { status } = waiting.openStatus();
    const claimed = await oneInEachPartition(confirming);
    const heard: string[] = [];
    const leaves = await Promise.all(
      claimed.map(({ session }) =>
        status.listen(session.sessionId, (message) => message && heard.push(message.status)),
      ),
    );
    const channels = async () =>
      (await Promise.all(cluster.masters.map((master) => master.call("PUBSUB", "SHARDCHANNELS")))).flat() as string[];
    expect(await channels()).toHaveLength(16);
    const base = partitionBase(waiting.keyspace, 0);
    expect((await channels()).some((channel) => channel.startsWith(`${base}:status:`))).toBe(true);
    await Promise.all(claimed.map(({ proof }) => confirming.sessions.decide(proof)));
    await waitFor("every listener hears its session", () => heard.length === 16);
    expect(new Set(heard)).toEqual(new Set(["confirmed"]));
    for (const leave of leaves) leave();
    await waitFor("the channels are left", async () => (await channels()).length === 0);
  });

  test("[C19] a shard's subscriber that is lost is replaced, tells its listeners to read, and hears again", async () => {
    const core = open();
    const { status } = core.openStatus();
    const claimed = await oneInEachPartition(core);
    const heard = new Map(claimed.map(({ session }) => [session.sessionId, [] as (string | undefined)[]]));
    for (const { session } of claimed)
      await status.listen(session.sessionId, (message) => heard.get(session.sessionId)!.push(message?.status));
    for (const messages of heard.values()) messages.length = 0;

    const subscribers = (await otherClients()).filter(({ line }) => / ssub=[1-9]/.test(line));
    expect(subscribers).toHaveLength(3);
    for (const { kill } of subscribers) await kill();
    await waitFor("every listener is told to read", () =>
      [...heard.values()].every((messages) => messages.includes(undefined)),
    );
    await Promise.all(claimed.map(({ proof }) => core.sessions.decide(proof)));
    await waitFor("every listener hears its session", () =>
      [...heard.values()].every((messages) => messages.at(-1) === "confirmed"),
    );
  });

  test("[C19] a listener that comes while its shard's subscriber is lost is live in the end", async () => {
    const core = open();
    const { status, subscriber } = core.openStatus();
    const claimed = await oneInEachPartition(core);
    for (const { session } of claimed) await status.listen(session.sessionId, () => undefined);
    const later = await oneInEachPartition(core);

    const lost = Promise.withResolvers<void>();
    subscriber.once("-node", () => lost.resolve());
    const subscribers = (await otherClients()).filter(({ line }) => / ssub=[1-9]/.test(line));
    expect(subscribers).toHaveLength(3);
    await Promise.all(subscribers.map(({ kill }) => kill()));
    await lost.promise;
    const told = new Set<string>();
    await Promise.all(
      later.map(({ session }) => status.listen(session.sessionId, (message) => message && told.add(session.sessionId))),
    );
    await Promise.all(later.map(({ proof }) => core.sessions.decide(proof)));
    await waitFor("every listener hears its session", () => told.size === later.length);
  });

  test("[C19] listeners that came before and while every node was dead are live when the nodes are back", async () => {
    const dying = await startRedisCluster({ nodeTimeoutMs: 1000 });
    closers.push(dying.close);
    const core = openCore(dying.url);
    cores.push(core);
    const { status } = core.openStatus();
    const heard = new Map<string, (string | undefined)[]>();
    const listen = (sessionId: string) => {
      const messages: (string | undefined)[] = [];
      heard.set(sessionId, messages);
      return status.listen(sessionId, (message) => messages.push(message?.status));
    };
    const idOf = (text: string) =>
      `csn_${core.sessions.callHash({ tenant: "acme", provider: "generic", callId: text })}_1`;
    const before = Array.from({ length: 32 }, (_, index) => `before-${index}`);
    const during = Array.from({ length: 32 }, (_, index) => `during-${index}`);
    await Promise.all(before.map((callId) => listen(idOf(callId))));

    await Promise.all(dying.nodes.map((node) => node.kill()));
    const later = Promise.all(during.map((callId) => listen(idOf(callId))));
    await dying.revive();
    await dying.healed();
    await later;
    await waitFor("those who came before are told to read", () =>
      before.every((callId) => heard.get(idOf(callId))!.includes(undefined)),
    );
    for (const callId of [...before, ...during]) {
      const { session } = await untilServed(() => core.sessions.create(newSession({ callId })));
      await core.sessions.cancel(session.sessionId, "acme", "corr-0001");
    }
    await waitFor("all hear of their session", () => [...heard.values()].every((all) => all.includes("canceled")));
  });
});

/** The client may find a node that is back a moment later than it is. */
async function untilServed<T>(ask: () => Promise<T>): Promise<T> {
  return (
    await waitFor("the cluster serves", () =>
      ask().then(
        (value) => ({ value }),
        () => undefined,
      ),
    )
  ).value;
}
