import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { type Config, loadConfig } from "../../core/config/config.ts";
import { createLogger, type Logger } from "../../core/logging/create-logger.ts";
import { JobQueues } from "../../core/queue/job-queues.ts";
import { type InterceptJob, interceptLeaseMs } from "../../core/queue/queues.ts";
import type { NewSession, ProofOfDecision } from "../../core/redis/session-requests.ts";
import type { TenantInput } from "../../core/tenants/tenant.ts";
import type { ConfirmedSession } from "../../core/verification/session.ts";
import { type RunningWorker, startWorker } from "../../worker/start-worker.ts";
import type { WorkerTuning } from "../../worker/worker-tuning.ts";
import { type Core, testSecret } from "../support/open-core.ts";
import { type SpawnedProcess, spawnProcess } from "../support/spawn-process.ts";
import { type CoreFixture, useCore } from "../support/use-core.ts";
import { claimedSession, eventsOf } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";

export const metricsKey = "cs_test_metrics_0123456789";
export const sessionsKey = "cs_test_sessions_0123456789";

export interface Deployment {
  core: Core;
  /** Every log line of the workers in this process. */
  logs: Record<string, unknown>[];
  publicKey: JWK;
  environment: Record<string, string>;
  /** Starts a worker in this process; it is closed after the test. */
  startWorker(tuning?: Partial<WorkerTuning>, environment?: Record<string, string>): Promise<RunningWorker>;
  /** Starts worker/main.ts as a process of its own; it is killed after the test. */
  spawnWorker(options?: { clockOffsetMs?: number; environment?: Record<string, string> }): Promise<SpawnedProcess>;
  /** A session that has been confirmed; its job is not added. */
  confirm(overrides?: Partial<NewSession>): Promise<ConfirmedSession>;
  /** The same as a gateway does it: with a grant for the job that it adds next. */
  confirmGranting(overrides?: Partial<NewSession>): Promise<GrantedSession>;
  /** The gateway's end of the queues. */
  jobs: JobQueues;
  /** Waits until the intercept has come to its end, and says how. */
  settled(sessionId: string, withinMs?: number): Promise<ConfirmedSession>;
  /** The intercept events of the session, with their data. */
  interceptEvents(sessionId: string): Promise<{ type: string; data: Record<string, unknown>; correlationId: string }[]>;
}

export interface GrantedSession {
  session: ConfirmedSession;
  grant: NonNullable<InterceptJob["grant"]>;
}

export interface WorkersFixture extends CoreFixture {
  /** A deployment of one tenant, `acme`, with these providers. */
  deploy(providers: TenantInput["providers"], changes?: Partial<TenantInput>): Promise<Deployment>;
}

/** A private Redis for a test file, and workers on it. */
export function useWorkers(): WorkersFixture {
  const fixture = useCore();
  const deploy: WorkersFixture["deploy"] = (providers, changes) => {
    const host = { url: fixture.url, core: fixture.open(), closeAfter: fixture.closeAfter };
    return deployOn(host, { providers, ...changes });
  };
  // The fixture's getters need a running Redis, so they are not copied.
  return Object.assign(Object.create(fixture) as CoreFixture, { deploy });
}

export interface Host {
  url: string;
  core: Core;
  closeAfter: CoreFixture["closeAfter"];
}

/** A deployment of one tenant, `acme`, on a Redis that somebody else opened. */
export async function deployOn(host: Host, tenant: Partial<TenantInput>): Promise<Deployment> {
  const { core, closeAfter } = host;
  const { environment, publicKey } = await writeEnvironment(host, tenant);
  const logs: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void logs.push(JSON.parse(line)) };
  const logger: Logger = createLogger({ level: "debug", process: "worker", destination });
  const jobs = new JobQueues(core.connections.open("queue"), { redisPrefix: core.keyspace.prefix, logger });
  closeAfter(() => jobs.close());
  return {
    core,
    logs,
    publicKey,
    environment,
    jobs,
    startWorker: async (tuning, more) => {
      const config = loadConfig({ ...environment, ...more }) as Config & { REDIS_URL: string };
      const worker = await startWorker(config, logger, tuning);
      closeAfter(worker.close);
      return worker;
    },
    spawnWorker: (options = {}) =>
      spawnProcess("worker", { closeAfter, ...options, environment: { ...environment, ...options.environment } }),
    confirm: async (overrides) => (await confirm(core, overrides)).session,
    confirmGranting: async (overrides) => {
      const grant = { token: randomUUID(), leaseMs: interceptLeaseMs };
      const { session, record } = await confirm(core, overrides, { grant });
      return { session, grant: { token: grant.token, record } };
    },
    settled: (sessionId, withinMs = 10_000) => settled(core, sessionId, withinMs),
    interceptEvents: (sessionId) => interceptEvents(core, sessionId),
  };
}

async function writeEnvironment({ url, core, closeAfter }: Host, tenant: Partial<TenantInput>) {
  const folder = await mkdtemp(join(tmpdir(), "callseal-worker-"));
  closeAfter(() => rm(folder, { recursive: true, force: true }));
  const apiKeys: TenantInput["apiKeys"] = [
    { id: "ops", key: metricsKey, scopes: ["metrics"] },
    { id: "ivr", key: sessionsKey, scopes: ["sessions"] },
  ];
  const tenants = [{ id: "acme", name: "Acme Bank", apiKeys, allowInsecureTargets: true, ...tenant }];
  await writeFile(join(folder, "tenants.json"), JSON.stringify({ tenants }));
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const environment = {
    NODE_ENV: "test",
    PORT: "0",
    HOST: "127.0.0.1",
    REDIS_URL: url,
    CALLSEAL_REDIS_PREFIX: core.keyspace.prefix,
    CALLSEAL_PARTITIONS: String(core.keyspace.partitions),
    CALLSEAL_SECRET: testSecret,
    CALLSEAL_CONFIG: join(folder, "tenants.json"),
    CALLSEAL_SIGNING_KEYS: JSON.stringify({ keys: [await exportJWK(privateKey)] }),
  };
  return { environment, publicKey: await exportJWK(publicKey) };
}

async function confirm(core: Core, overrides: Partial<NewSession> = {}, more: Partial<ProofOfDecision> = {}) {
  const { proof } = await claimedSession(core, overrides);
  const { session, record = "" } = await core.sessions.decide({ ...proof, ...more });
  if (session?.status !== "confirmed") throw new Error("the session was not confirmed");
  return { session, record };
}

async function settled(core: Core, sessionId: string, withinMs: number): Promise<ConfirmedSession> {
  const look = async () => {
    const session = await core.sessions.read(sessionId, "acme");
    return session?.status === "confirmed" && session.intercept.status !== "pending" ? session : undefined;
  };
  return await waitFor("the intercept is settled", look, { withinMs });
}

async function interceptEvents(core: Core, sessionId: string) {
  const events = await eventsOf(core, sessionId);
  return events
    .filter(({ type }) => type?.startsWith("intercept_"))
    .map(({ type, data, correlationId }) => ({ type: type!, data: JSON.parse(data!), correlationId: correlationId! }));
}
