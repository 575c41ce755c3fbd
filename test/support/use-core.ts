import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll } from "vitest";
import { type EmbeddedRedis, type EmbeddedRedisOptions, startEmbeddedRedis } from "../../core/redis/embedded-redis.ts";
import { type Core, type CoreOptions, openCore } from "./open-core.ts";
import { waitFor } from "./wait-for.ts";

export interface CoreFixture {
  readonly url: string;
  /** The tests' own connection: never counted as a leak. */
  readonly admin: Redis;
  /** A core on the file's Redis (or through a proxy's `url`) with a fresh key prefix; closed after the test. */
  open(options?: CoreOptions & { url?: string }): Core;
  /** Registers something else to close after the test, before the cores. */
  closeAfter(close: () => Promise<unknown> | unknown): void;
  /** Connections of this Redis besides `admin`, one line of CLIENT LIST each. */
  clients(): Promise<string[]>;
}

const adminName = "test:admin";

/**
 * A private Redis for a test file. After each test everything that it opened is closed, and whatever is still
 * connected or subscribed then fails the test.
 */
export function useCore(options: EmbeddedRedisOptions = {}): CoreFixture {
  let server: EmbeddedRedis;
  let admin: Redis;
  const closers: (() => Promise<unknown> | unknown)[] = [];

  beforeAll(async () => {
    server = await startEmbeddedRedis(options);
    admin = new Redis(server.url, { connectionName: adminName, replyMapping: "legacy" });
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    await expectNothingOpen(admin);
    await admin.flushall();
  });
  afterAll(async () => {
    admin?.disconnect();
    await server?.close();
  });

  return {
    get url() {
      return server.url;
    },
    get admin() {
      return admin;
    },
    open(coreOptions) {
      const core = openCore(coreOptions?.url ?? server.url, coreOptions);
      closers.unshift(() => core.close());
      return core;
    },
    closeAfter: (close) => void closers.push(close),
    clients: () => otherClients(admin),
  };
}

async function otherClients(admin: Redis): Promise<string[]> {
  const list = (await admin.client("LIST")) as string;
  return list.split("\n").filter((line) => line.trim() !== "" && !line.includes(` name=${adminName} `));
}

/** Closing is asynchronous on the server's side, so a leak is what is still there after a while. */
async function expectNothingOpen(admin: Redis): Promise<void> {
  let left: string[] = [];
  try {
    await waitFor("every connection and subscription of the test is closed", async () => {
      const channels = (await admin.pubsub("CHANNELS")) as string[];
      const shardChannels = (await admin.call("PUBSUB", "SHARDCHANNELS")) as string[];
      left = [...(await otherClients(admin)), ...channels, ...shardChannels];
      return left.length === 0;
    });
  } catch (cause) {
    throw new Error(`the test left open:\n${left.join("\n")}`, { cause });
  }
}
