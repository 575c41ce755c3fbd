import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair } from "jose";
import { type EmbeddedRedis, startEmbeddedRedis } from "../../core/redis/embedded-redis.ts";
import type { TenantInput } from "../../core/tenants/tenant.ts";
import type { FigureContext } from "../figure.ts";
import { type Child, type ChildOptions, startChild } from "./start-child.ts";

/** What every client of a deployment must know; crosses to load processes as JSON. */
export interface DeploymentAccess {
  publicUrl: string;
  prefix: string;
  secret: string;
  redisUrl: string;
  tenantId: string;
  apiKey: string;
}

export interface Deployment {
  access: DeploymentAccess;
  redis: EmbeddedRedis;
  /** What its processes run with. */
  environment: Readonly<Record<string, string>>;
  gateways: Child[];
  workers: Child[];
  startGateway(options?: ChildOptions): Promise<Child>;
  startWorker(options?: ChildOptions): Promise<Child>;
}

export interface DeploymentOptions {
  gateways?: number;
  workers?: number;
  /** Where intercepts go. Default: nowhere that answers, for figures without a provider. */
  providerUrl?: string;
  ttlSeconds?: number;
  /** Without the append-only file, for millions of records. Default: with it, as in production. */
  appendOnly?: boolean;
  gatewayOptions?: ChildOptions;
}

/** Starts Redis, gateways and workers, each a process of its own, as in production; closed with the figure. */
export async function startDeployment(
  context: Pick<FigureContext, "closeAfter">,
  options: DeploymentOptions = {},
): Promise<Deployment> {
  const folder = await mkdtemp(join(tmpdir(), "callseal-bench-"));
  context.closeAfter(() => rm(folder, { recursive: true, force: true }));
  const appendOnly = options.appendOnly ?? true;
  const redis = await startEmbeddedRedis({ appendOnly });
  context.closeAfter(redis.close);

  const access: DeploymentAccess = {
    publicUrl: "https://callseal.bench",
    prefix: "bench",
    secret: randomBytes(32).toString("base64url"),
    redisUrl: redis.url,
    tenantId: "bench",
    apiKey: `cs_bench_${randomBytes(18).toString("base64url")}`,
  };
  const tenantsFile = join(folder, "tenants.json");
  await writeFile(tenantsFile, JSON.stringify({ tenants: [benchTenant(access, options)] }), { mode: 0o600 });
  const environment = {
    NODE_ENV: "production",
    HOST: "127.0.0.1",
    PORT: "0",
    REDIS_URL: access.redisUrl,
    CALLSEAL_PUBLIC_URL: access.publicUrl,
    CALLSEAL_CONFIG: tenantsFile,
    CALLSEAL_SECRET: access.secret,
    CALLSEAL_REDIS_PREFIX: access.prefix,
    CALLSEAL_SIGNING_KEYS: await makeSigningKeys(),
  };
  const start = async (entry: string, list: Child[], childOptions: ChildOptions = {}) => {
    const child = await startChild(entry, {
      ...childOptions,
      environment: { ...environment, ...childOptions.environment },
    });
    context.closeAfter(child.stop);
    // What the process calls itself is the public origin; clients here go to its own port.
    list.push(child);
    return child;
  };
  const gateways: Child[] = [];
  const workers: Child[] = [];
  const deployment: Deployment = {
    access,
    redis,
    environment,
    gateways,
    workers,
    startGateway: (childOptions) => start("server/main.ts", gateways, childOptions),
    startWorker: (childOptions) => start("worker/main.ts", workers, childOptions),
  };
  for (let index = 0; index < (options.gateways ?? 1); index += 1) {
    await deployment.startGateway(options.gatewayOptions);
  }
  for (let index = 0; index < (options.workers ?? 0); index += 1) await deployment.startWorker();
  return deployment;
}

/** A tenant of this machine, with the protocol's default policy, whose limits no load test reaches. */
function benchTenant(access: DeploymentAccess, options: DeploymentOptions): TenantInput {
  const never = 1_000_000;
  return {
    id: access.tenantId,
    name: "Bench Bank",
    apiKeys: [{ id: "ivr", key: access.apiKey, scopes: ["sessions"] }],
    policy: { ttlSeconds: options.ttlSeconds ?? 60 },
    limits: {
      sessionsPerMinutePerKey: never,
      sessionsPerMinutePerAni: never,
      pollsPerMinutePerSession: never,
      enrollmentsPerHourPerAddress: never,
    },
    providers: {
      generic: { mode: "none", waitCapSeconds: 85 },
      twilio: {
        mode: "direct",
        accountSid: `AC${"b".repeat(32)}`,
        authTokens: ["bench-auth-token"],
        apiBaseUrl: options.providerUrl ?? "http://127.0.0.1:9",
        successUrl: "https://ivr.callseal.bench/verified",
        failureUrl: "https://ivr.callseal.bench/unverified",
        waitCapSeconds: 85,
      },
    },
    allowInsecureTargets: true,
  };
}

async function makeSigningKeys(): Promise<string> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return JSON.stringify({ keys: [await exportJWK(privateKey)] });
}
