import { Cluster } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseRedisUrl } from "../../core/redis/parse-redis-url.ts";
import { openCore } from "../support/open-core.ts";
import { type RedisCluster, startRedisCluster } from "../support/start-redis-cluster.ts";
import { useCore } from "../support/use-core.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useCore();
let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster.close());

/** Unlike the status, which ioredis sets once more for every node that it leaves. */
const happens = (client: Cluster, event: string) => new Promise<void>((resolve) => void client.once(event, resolve));

async function ends(client: Cluster): Promise<void> {
  await waitFor("it is connected", () => client.status === "ready");
  const ended = happens(client, "end");
  client.disconnect();
  await ended;
}

/** Takes a slot from everybody's map, as it is while a replica takes over: every node says that the cluster has failed. */
async function losesSlot(slot: number): Promise<void> {
  for (const master of cluster.masters) await master.call("CLUSTER", "DELSLOTS", String(slot));
  await everyNodeSays("cluster_state:fail");
}

async function findsSlot(slot: number): Promise<void> {
  await cluster.masters[0]!.call("CLUSTER", "ADDSLOTS", String(slot));
  await everyNodeSays("cluster_state:ok");
}

const everyNodeSays = (state: string) =>
  waitFor(`every node says ${state}`, async () => {
    const infos = await Promise.all(cluster.masters.map((master) => master.call("CLUSTER", "INFO")));
    return infos.every((info) => (info as string).includes(state));
  });

/** Connects again while the cluster is not ready, and is ready before the client gives up; says who was told of it. */
async function connectsMeanwhile(clients: readonly Cluster[]): Promise<string[]> {
  for (const client of clients) await ends(client);
  await losesSlot(0);
  const told = clients.map(() => "nothing");
  const tries = clients.map(async (client, index) => {
    const refused = happens(client, "reconnecting");
    client.connect().then(
      () => (told[index] = "ready"),
      (error: Error) => (told[index] = error.message),
    );
    await refused;
  });
  await Promise.all(tries);
  await findsSlot(0);
  for (const client of clients) await waitFor("it is connected", () => client.status === "ready");
  return told;
}

describe("a cluster client that connects while a replica takes over", () => {
  test("[C76] is told when it is ready, and so is its duplicate; nobody hears it of ioredis itself", async () => {
    const topology = parseRedisUrl(cluster.url);
    if (topology.kind !== "cluster") throw new Error("no cluster");
    const plain = new Cluster([...topology.hosts], {
      replyMapping: "legacy",
      redisOptions: { password: topology.password },
    } as ConstructorParameters<typeof Cluster>[1]);
    fixture.closeAfter(() => plain.disconnect());
    const core = openCore(cluster.url);
    fixture.closeAfter(() => core.close());
    const duplicate = (core.redis as Cluster).duplicate();
    fixture.closeAfter(() => duplicate.disconnect());
    expect(await connectsMeanwhile([plain, core.redis as Cluster, duplicate])).toEqual(["nothing", "ready", "ready"]);
  });

  test("[C76] is told that it was closed, and so are the commands that wait for it", async () => {
    const core = openCore(cluster.url);
    fixture.closeAfter(() => core.close());
    const client = core.redis as Cluster;
    await ends(client);
    await losesSlot(0);
    const refused = happens(client, "reconnecting");
    const connecting = client.connect();
    const waiting = client.get("key");
    await refused;
    client.disconnect();
    await expect(connecting).rejects.toThrow("Connection is closed.");
    await expect(waiting).rejects.toThrow("None of startup nodes is available");
    await findsSlot(0);
  });
});
