import {
  type DeploymentAccess,
  deploymentEnvironment,
  newAccess,
  newSigningKey,
  unlimited,
} from "../../../bench/stack/deployment-environment.ts";
import { enrolDevices } from "../../../bench/stack/enrol-devices.ts";
import type { TenantInput } from "../../../core/tenants/tenant.ts";
import { startVoiceCloud, type VoiceCloud } from "../../../sandbox/voice-cloud.ts";
import { Histories } from "../history/call-history.ts";
import { Caller } from "../load/caller.ts";
import { phoneKeyStore } from "../load/phone-key-store.ts";
import { startBalancer } from "./balancer.ts";
import { type Ivr, startIvr } from "./ivr.ts";
import { Member } from "./member.ts";

export interface FleetOptions {
  redisUrl: string;
  gateways: number;
  workers: number;
  callers: number;
  /** Replicas that must have a confirmation before it is acknowledged. Default 0. */
  durabilityReplicas?: number;
  /** Default 60. */
  ttlSeconds?: number;
  /** Further settings of every process. */
  environment?: Readonly<Record<string, string>>;
  /** Every process can be asked for its memory. Default false. */
  probed?: boolean;
}

/** A whole deployment, each part a process of its own as in production, with its callers, its IVR and its voice cloud. */
export interface Fleet {
  cloud: VoiceCloud;
  histories: Histories;
  gateways: readonly Member[];
  workers: readonly Member[];
  callers: readonly Caller[];
  /** For commands on this deployment. */
  environment: Readonly<Record<string, string>>;
  apiKey: string;
  [Symbol.asyncDispose](): Promise<void>;
}

const tenantId = "bank";

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const opened: (() => Promise<unknown>)[] = [];
  const close = async () => {
    while (opened.length > 0) await opened.pop()!();
  };
  try {
    return await openFleet(options, { close, closeAfter: (step) => opened.push(step) });
  } catch (error) {
    await close();
    throw error;
  }
}

interface Closing {
  close(): Promise<void>;
  closeAfter(step: () => Promise<unknown>): void;
}

async function openFleet(options: FleetOptions, { close, closeAfter }: Closing): Promise<Fleet> {
  const histories = new Histories();
  const { signing, published } = await newSigningKey();
  const ivr = await startIvr({
    tenant: tenantId,
    jwks: published,
    arrived: (arrival) => histories.arrived(arrival),
  });
  closeAfter(ivr.close);
  // A tenth of the time: a caller who hears nothing for ten minutes waits for one.
  const cloud = await startVoiceCloud({ timeScale: 0.1, ledgerLimit: 5000 });
  closeAfter(cloud.close);
  cloud.onEntry((entry) => {
    if (entry.type === "call.updated") histories.find(entry.callSid)?.updates.push(entry.monotonicMs);
  });

  const gateways: Member[] = [];
  const balancer = await startBalancer(() => gateways.flatMap(({ url }) => (url === undefined ? [] : [url])));
  closeAfter(balancer.close);
  const access = newAccess({
    publicUrl: balancer.url,
    prefix: "fault",
    redisUrl: options.redisUrl,
    tenantId,
  });
  const tenant = faultTenant({ access, cloud, ivr, ttlSeconds: options.ttlSeconds ?? 60 });
  const deployment = await deploymentEnvironment(access, { tenant, signing });
  closeAfter(deployment.remove);
  const environment = {
    ...deployment.environment,
    // What became of a call is read when all calls are over.
    CALLSEAL_SESSION_RETENTION_SECONDS: "7200",
    CALLSEAL_DURABILITY_REPLICAS: String(options.durabilityReplicas ?? 0),
    ...options.environment,
  };
  const enlist = (name: string, entry: string) => {
    const member = new Member(name, { entry, environment, probed: options.probed ?? false });
    closeAfter(() => member.kill());
    return member;
  };
  gateways.push(...named("gateway", options.gateways).map((name) => enlist(name, "server/main.ts")));
  const workers = named("worker", options.workers).map((name) => enlist(name, "worker/main.ts"));
  await Promise.all([...gateways, ...workers].map((member) => member.start()));

  const place = { cloud, histories, holdUrl: ivr.holdUrl, gatewayUrl: balancer.url, apiKey: access.apiKey };
  const phones = await enrolDevices(access, options.callers);
  const callers = await Promise.all(phones.map((phone) => Caller.connect(place, phoneKeyStore(phone, access))));
  closeAfter(() => Promise.all(callers.map((caller) => caller.close())));
  return {
    cloud,
    histories,
    gateways,
    workers,
    callers,
    environment,
    apiKey: access.apiKey,
    [Symbol.asyncDispose]: close,
  };
}

const named = (kind: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${kind} ${index + 1}`);

/** A tenant with the protocol's default policy, whose limits no run reaches. */
function faultTenant(parts: {
  access: DeploymentAccess;
  cloud: VoiceCloud;
  ivr: Ivr;
  ttlSeconds: number;
}): TenantInput {
  const { access, cloud, ivr } = parts;
  const account = cloud.accounts[0]!;
  return {
    id: access.tenantId,
    name: "Fault Bank",
    apiKeys: [{ id: "ivr", key: access.apiKey, scopes: ["sessions", "metrics"] }],
    policy: { ttlSeconds: parts.ttlSeconds },
    limits: unlimited,
    providers: {
      twilio: {
        mode: "direct",
        accountSid: account.accountSid,
        authTokens: [account.authToken],
        apiBaseUrl: cloud.url,
        successUrl: ivr.verifiedUrl,
        failureUrl: ivr.unverifiedUrl,
      },
    },
    allowInsecureTargets: true,
  };
}
