import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DeviceConnection, enrol, type KeyStore, memoryKeyStore } from "../../client-sdk/src/device/index.ts";
import { SessionsClient } from "../../client-sdk/src/ivr/index.ts";
import { startEmbeddedRedis } from "../../core/redis/embedded-redis.ts";
import type { TenantInput } from "../../core/tenants/tenant.ts";
import { startVoiceCloud, type VoiceCloud } from "../../sandbox/voice-cloud.ts";
import { type DemoProcess, startProcess } from "./start-process.ts";

export interface Demo {
  cloud: VoiceCloud;
  gatewayUrl: string;
  workerUrl: string;
  redisUrl: string;
  accountSid: string;
  keys: { sessions: string; admin: string };
  subjectId: string;
  callerNumber: string;
  sessions: SessionsClient;
  /** The key store of the caller's app, already enrolled. */
  phone: KeyStore;
  app?: DeviceConnection;
  [Symbol.asyncDispose](): Promise<void>;
}

const callerNumber = "+14155550000";

/** Starts everything that a verified call needs, each part as it runs in production, in a folder that goes with it. */
export async function openDemo(options: { timeScale: number; print: (line: string) => void }): Promise<Demo> {
  const folder = await mkdtemp(join(tmpdir(), "callseal-demo-"));
  const opened: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    while (opened.length > 0) await opened.pop()!().catch(() => undefined);
  };
  try {
    options.print("Starting Redis, the sandbox voice cloud, a gateway and a worker …");
    const [redis, cloud] = await Promise.all([startEmbeddedRedis(), startVoiceCloud({ timeScale: options.timeScale })]);
    opened.push(redis.close, cloud.close);
    const keys = { sessions: newKey("sessions"), admin: newKey("admin") };
    const account = cloud.accounts[0]!;
    const tenantsFile = join(folder, "tenants.json");
    await writeFile(tenantsFile, JSON.stringify({ tenants: [demoBank(cloud.url, account, keys)] }, null, 2), {
      mode: 0o600,
    });
    const environment = { REDIS_URL: redis.url, CALLSEAL_CONFIG: tenantsFile, HOST: "127.0.0.1", PORT: "0" };
    const gateway = await startProcess("server/main.ts", environment);
    opened.push(gateway.stop);
    const worker = await startProcess("worker/main.ts", { ...environment, CALLSEAL_PUBLIC_URL: gateway.url });
    opened.push(worker.stop);
    const phone = memoryKeyStore();
    const subjectId = await enrolCaller({ gateway, admin: keys.admin, phone });
    return {
      cloud,
      gatewayUrl: gateway.url,
      workerUrl: worker.url,
      redisUrl: redis.url,
      accountSid: account.accountSid,
      keys,
      subjectId,
      callerNumber,
      sessions: new SessionsClient({ baseUrl: gateway.url, apiKey: keys.sessions }),
      phone,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const newKey = (name: string): string => `cs_demo_${name}_${randomBytes(18).toString("base64url")}`;

function demoBank(
  cloudUrl: string,
  account: { accountSid: string; authToken: string },
  keys: Demo["keys"],
): TenantInput {
  return {
    id: "demo",
    name: "Demo Bank",
    apiKeys: [
      { id: "ivr", key: keys.sessions, scopes: ["sessions"] },
      { id: "ops", key: keys.admin, scopes: ["admin", "metrics", "agent"] },
    ],
    providers: {
      twilio: {
        mode: "direct",
        accountSid: account.accountSid,
        authTokens: [account.authToken],
        apiBaseUrl: cloudUrl,
        successUrl: `${cloudUrl}/sandbox/ivr/verified`,
        failureUrl: `${cloudUrl}/sandbox/ivr/unverified`,
      },
    },
    allowInsecureTargets: true,
  };
}

/** An administrator makes the person and an activation code; the person's phone makes a key and enrols with it. */
async function enrolCaller(parts: { gateway: DemoProcess; admin: string; phone: KeyStore }): Promise<string> {
  const { url } = parts.gateway;
  const post = async (path: string, body: object): Promise<Record<string, string>> => {
    const response = await fetch(url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${parts.admin}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return (await response.json()) as Record<string, string>;
  };
  const { subjectId } = await post("/admin/v1/subjects", { externalId: "demo-caller", phones: [callerNumber] });
  const { activationCode } = await post(`/admin/v1/subjects/${subjectId}/activation-codes`, {});
  await enrol({
    gatewayUrl: url,
    activationCode: activationCode!,
    keyStore: parts.phone,
    name: "Demo phone",
    platform: "demo",
    phone: callerNumber,
  });
  return subjectId!;
}
