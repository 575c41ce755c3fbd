import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedRedis, startEmbeddedRedis } from "../../../core/redis/embedded-redis.ts";
import type { InjectedFault } from "../history/check-history.ts";
import { startBalancer } from "./balancer.ts";

/** A Redis that can be killed and started again on its data, behind an address that stays. */
export interface MortalRedis {
  url: string;
  /** Kills it (SIGKILL) and starts it again on what it had written. */
  killAndStart(): Promise<InjectedFault>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface MortalRedisOptions {
  /** `always` loses nothing that was answered; `everysec` may lose what was written while a sync was under way. */
  appendFsync: "always" | "everysec";
}

/** Starts a standalone Redis with its append-only file. */
export async function startMortalRedis({ appendFsync }: MortalRedisOptions): Promise<MortalRedis> {
  const dataFolder = await mkdtemp(join(tmpdir(), "callseal-redis-"));
  const password = randomBytes(24).toString("base64url");
  const extra = { requirepass: password, appendfsync: appendFsync };
  const launch = () => startEmbeddedRedis({ dataFolder, appendOnly: true, extra });
  let redis: EmbeddedRedis | undefined = await launch();
  const balancer = await startBalancer(() => (redis === undefined ? [] : [`http://127.0.0.1:${redis.port}`]));
  return {
    url: `redis://:${password}@${new URL(balancer.url).host}`,
    async killAndStart() {
      const dying = redis!;
      const fault = { at: performance.now(), what: `Redis (${dying.pid}) killed` };
      redis = undefined;
      process.kill(dying.pid, "SIGKILL");
      await dying.exited;
      redis = await launch();
      return fault;
    },
    async [Symbol.asyncDispose]() {
      await redis?.close();
      await balancer.close();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}
