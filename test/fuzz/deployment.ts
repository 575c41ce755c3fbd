import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair } from "jose";
import { createLogger } from "../../core/logging/create-logger.ts";
import { JobQueues } from "../../core/queue/job-queues.ts";
import { startEmbeddedRedis } from "../../core/redis/embedded-redis.ts";
import { type Core, openCore } from "../support/open-core.ts";
import { type HostileProvider, startHostileProvider } from "./hostile-provider.ts";
import { fuzzPublicUrl, fuzzSecret, fuzzTenants } from "./tenants.ts";
import { type WatchedProcess, watchProcess } from "./watched-process.ts";

export interface FuzzDeployment {
  gateway: WatchedProcess;
  worker: WatchedProcess;
  witness: WatchedProcess;
  provider: HostileProvider;
  /** Over connections of the fuzzer's own. */
  core: Core;
  jobs: JobQueues;
  close(): Promise<void>;
}

const prefix = "fuzz";
const retentionSeconds = 130;

/** Starts Redis, a gateway and a worker as they are in production, and a provider that answers as none would. */
export async function startFuzzDeployment(seed: number): Promise<FuzzDeployment> {
  const closers: (() => unknown)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), "callseal-fuzz-"));
    closers.push(() => rm(folder, { recursive: true, force: true }));
    const redis = await startEmbeddedRedis();
    closers.push(() => redis.close());
    const provider = await startHostileProvider(seed);
    closers.push(() => provider.close());
    const environment = await writeEnvironment({ folder, redisUrl: redis.url, providerUrl: provider.url });
    const start = async (name: string, entry: string) => {
      const watched = await watchProcess({ name, entry, folder, environment, listens: name !== "witness" });
      closers.push(() => watched.stop());
      return watched;
    };
    const gateway = await start("gateway", "server/main.ts");
    const worker = await start("worker", "worker/main.ts");
    const witness = await start("witness", "test/fuzz/idle-witness.ts");
    const retention = { sessionSeconds: retentionSeconds, callSeconds: 86_400 };
    const core = openCore(redis.url, { prefix, secret: fuzzSecret, retention, outboxLimit: 1000 });
    closers.push(() => core.close());
    const logger = createLogger({ level: "silent", process: "fuzz" });
    const jobs = new JobQueues(core.connections.open("queue"), { redisPrefix: prefix, logger });
    closers.push(() => jobs.close());
    return { gateway, worker, witness, provider, core, jobs, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function writeEnvironment(from: { folder: string; redisUrl: string; providerUrl: string }) {
  const tenantsFile = join(from.folder, "tenants.json");
  await writeFile(tenantsFile, JSON.stringify({ tenants: fuzzTenants(from.providerUrl) }), { mode: 0o600 });
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return {
    NODE_ENV: "production",
    HOST: "127.0.0.1",
    PORT: "0",
    REDIS_URL: from.redisUrl,
    CALLSEAL_PUBLIC_URL: fuzzPublicUrl,
    CALLSEAL_CONFIG: tenantsFile,
    CALLSEAL_SECRET: fuzzSecret,
    CALLSEAL_REDIS_PREFIX: prefix,
    CALLSEAL_SIGNING_KEYS: JSON.stringify({ keys: [await exportJWK(privateKey)] }),
    CALLSEAL_SESSION_RETENTION_SECONDS: String(retentionSeconds),
    CALLSEAL_OUTBOX_LIMIT: "1000",
    CALLSEAL_INTERCEPT_WINDOW_SECONDS: "2",
  };
}
