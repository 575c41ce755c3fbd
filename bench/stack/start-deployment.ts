import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
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
import { productBundle } from "./product-bundle.ts";
import { type Child, startChild } from "./start-child.ts";

/** Gateways and workers over a Redis. */
export interface Members {
  access: DeploymentAccess;
  /** What its processes run with. */
  environment: Readonly<Record<string, string>>;
  gateways: Child[];
  workers: Child[];
}

export interface Deployment extends Members {
  redis: EmbeddedRedis;
}

export interface MemberOptions {
  /** Default 1. */
  gateways?: number;
  /** Default 0. */
  workers?: number;
  /** Where intercepts go. Default: nowhere that answers, for figures without a provider. */
  providerUrl?: string;
  /** Default 60. */
  ttlSeconds?: number;
}

export interface DeploymentOptions extends MemberOptions {
  /** Without the append-only file, for millions of records. Default: with it, as in production. */
  appendOnly?: boolean;
}

/** Starts Redis, gateways and workers, each a process of its own, as in production; closed with the figure. */
export async function startDeployment(
  context: Pick<FigureContext, "closeAfter" | "profiles">,
  options: DeploymentOptions = {},
): Promise<Deployment> {
  const redis = await startEmbeddedRedis({ appendOnly: options.appendOnly ?? true });
  context.closeAfter(redis.close);
  return { redis, ...(await startMembers(context, redis.url, options)) };
}

/** The same over a Redis that is there already. */
export async function startMembers(
  context: Pick<FigureContext, "closeAfter" | "profiles">,
  redisUrl: string,
  options: MemberOptions,
): Promise<Members> {
  const access = newAccess({
    publicUrl: "https://callseal.bench",
    prefix: "bench",
    redisUrl,
    tenantId: "bench",
  });
  const { signing } = await newSigningKey();
  const { environment, remove } = await deploymentEnvironment(access, {
    tenant: benchTenant(access, options),
    signing,
  });
  context.closeAfter(remove);
  // Profiles name the files of the source; everything else is measured in what the image runs.
  const bundle = context.profiles === undefined ? await productBundle() : undefined;
  const profiled = context.profiles === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${resolve(context.profiles)}`];
  const start = async (name: "server" | "worker") => {
    const names = profiled.length > 0 ? [`--cpu-prof-name=${name}-${randomBytes(3).toString("hex")}.cpuprofile`] : [];
    const entry = bundle === undefined ? `${name}/main.ts` : join(bundle, `${name}.mjs`);
    const child = await startChild(entry, { environment, nodeArguments: [...profiled, ...names] });
    context.closeAfter(child.stop);
    return child;
  };
  const gateways: Child[] = [];
  const workers: Child[] = [];
  for (let index = 0; index < (options.gateways ?? 1); index += 1) gateways.push(await start("server"));
  for (let index = 0; index < (options.workers ?? 0); index += 1) workers.push(await start("worker"));
  return { access, environment, gateways, workers };
}

/** A tenant of this machine, with the protocol's default policy, whose limits no load test reaches. */
function benchTenant(access: DeploymentAccess, options: MemberOptions): TenantInput {
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
