import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { type EmbeddedRedis, startEmbeddedRedis } from "../../core/redis/embedded-redis.ts";
import type { TenantInput } from "../../core/tenants/tenant.ts";
import type { FigureContext } from "../figure.ts";
import {
  type DeploymentAccess,
  deploymentEnvironment,
  newAccess,
  newSigningKey,
  unlimited,
} from "./deployment-environment.ts";
import { type Child, startChild } from "./start-child.ts";

export interface Deployment {
  access: DeploymentAccess;
  redis: EmbeddedRedis;
  /** What its processes run with. */
  environment: Readonly<Record<string, string>>;
  gateways: Child[];
  workers: Child[];
}

export interface DeploymentOptions {
  gateways?: number;
  workers?: number;
  /** Where intercepts go. Default: nowhere that answers, for figures without a provider. */
  providerUrl?: string;
  ttlSeconds?: number;
  /** Without the append-only file, for millions of records. Default: with it, as in production. */
  appendOnly?: boolean;
}

/** Starts Redis, gateways and workers, each a process of its own, as in production; closed with the figure. */
export async function startDeployment(
  context: Pick<FigureContext, "closeAfter" | "profiles">,
  options: DeploymentOptions = {},
): Promise<Deployment> {
  const appendOnly = options.appendOnly ?? true;
  const redis = await startEmbeddedRedis({ appendOnly });
  context.closeAfter(redis.close);

  const access = newAccess({
    publicUrl: "https://callseal.bench",
    prefix: "bench",
    redisUrl: redis.url,
    tenantId: "bench",
  });
  const { signing } = await newSigningKey();
  const { environment, remove } = await deploymentEnvironment(access, {
    tenant: benchTenant(access, options),
    signing,
  });
  context.closeAfter(remove);
  const profiled = context.profiles === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${resolve(context.profiles)}`];
  const start = async (name: "server" | "worker") => {
    const names = profiled.length > 0 ? [`--cpu-prof-name=${name}-${randomBytes(3).toString("hex")}.cpuprofile`] : [];
    const child = await startChild(`${name}/main.ts`, { environment, nodeArguments: [...profiled, ...names] });
    context.closeAfter(child.stop);
    return child;
  };
  const gateways: Child[] = [];
  const workers: Child[] = [];
  for (let index = 0; index < (options.gateways ?? 1); index += 1) gateways.push(await start("server"));
  for (let index = 0; index < (options.workers ?? 0); index += 1) workers.push(await start("worker"));
  return { access, redis, environment, gateways, workers };
}

/** A tenant of this machine, with the protocol's default policy, whose limits no load test reaches. */
function benchTenant(access: DeploymentAccess, options: DeploymentOptions): TenantInput {
  return {
    id: access.tenantId,
    name: "Bench Bank",
    apiKeys: [{ id: "ivr", key: access.apiKey, scopes: ["sessions"] }],
    policy: { ttlSeconds: options.ttlSeconds ?? 60 },
    limits: unlimited,
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
