import { Agent } from "undici";
import { type Config, loadConfig } from "../../core/config/config.ts";
import { createLogger } from "../../core/logging/create-logger.ts";
import type { TenantInput } from "../../core/tenants/tenant.ts";
import type { VoiceCall } from "../../sandbox/calls/voice-call.ts";
import { startVoiceCloud, type VoiceCloud, type VoiceCloudOptions } from "../../sandbox/voice-cloud.ts";
import { type RunningWorker, startWorker } from "../../worker/start-worker.ts";
import { freePort } from "./free-port.ts";
import type { Deployment, GatewayFixture, TestGateway } from "./gateway.ts";
import { type SpawnedProcess, type SpawnOptions, spawnProcess } from "./spawn-process.ts";
import { type TestTenant, testTenant } from "./test-tenants.ts";
import { waitFor } from "./wait-for.ts";

export interface LiveOptions {
  /** Gateways of this process; the first is where the voice cloud fetches. Default 1. */
  gateways?: number;
  /** Default: a call stays in its first prompt for as long as a test takes. */
  cloud?: VoiceCloudOptions;
  /** Besides the voice cloud as its Twilio. */
  tenant?: Partial<TenantInput>;
  /** Further tenants, as they are given. */
  others?: TestTenant[];
  /** Where the worker finds the REST API. Default: at the voice cloud itself. */
  apiBaseUrl?: (cloud: VoiceCloud) => Promise<string> | string;
}

type Spawning = Pick<SpawnOptions, "clockOffsetMs" | "bundle"> & { environment?: Record<string, string> };

/** A deployment with callers: gateways that a voice cloud can reach, and workers that move its calls. */
export interface LiveDeployment extends Deployment {
  cloud: VoiceCloud;
  /** A worker in this process. */
  startWorker(): Promise<RunningWorker>;
  /** Processes of their own; what they log is held to the same rules. */
  spawnWorker(options?: Spawning): Promise<SpawnedProcess>;
  spawnGateway(options?: Spawning): Promise<SpawnedProcess & TestGateway>;
  /** Somebody calls the flow at a gateway's public URL, and hangs up only when the test says so. */
  placeCall(publicUrl?: string): VoiceCall;
  /** The code that the caller hears. */
  heardCode(call: VoiceCall): Promise<string>;
}

/** Speech and pauses are twenty times as long: nobody comes to the end of a prompt. */
const verySlow = { timeScale: 20 };

export async function startLiveDeployment(fixture: GatewayFixture, options: LiveOptions = {}): Promise<LiveDeployment> {
  const cloud = await startVoiceCloud(options.cloud ?? verySlow);
  fixture.closeAfter(() => cloud.close());
  const { accountSid, authToken } = cloud.accounts[0]!;
  const twilio = {
    mode: "direct" as const,
    accountSid,
    authTokens: [authToken],
    apiBaseUrl: (await options.apiBaseUrl?.(cloud)) ?? cloud.url,
    successUrl: `${cloud.url}/sandbox/ivr/verified`,
    failureUrl: `${cloud.url}/sandbox/ivr/unverified`,
    waitCapSeconds: 55,
  };
  const port = await freePort();
  const deployment = await fixture.start({
    tenants: [testTenant({ providers: { twilio }, ...options.tenant }), ...(options.others ?? [])],
    gateways: 0,
    environment: { CALLSEAL_PUBLIC_URL: `http://127.0.0.1:${port}` },
  });
  deployment.secrets.add(authToken);
  const gateways: TestGateway[] = [];
  for (let index = 0; index < (options.gateways ?? 1); index += 1) {
    gateways.push(await deployment.startAnother(index === 0 ? { PORT: String(port) } : {}));
  }
  return {
    ...deployment,
    gateway: gateways[0]!,
    gateways,
    cloud,
    ...workersOf(fixture, deployment),
    spawnGateway: (spawning) => spawnGateway(fixture, deployment, spawning),
    placeCall: (publicUrl = deployment.publicUrl) =>
      cloud.placeCall({
        to: "+18005551234",
        voiceUrl: `${publicUrl}/ivr/verify/start`,
        statusCallback: `${publicUrl}/ivr/verify/status`,
        statusCallbackEvents: ["initiated", "ringing", "answered", "completed"],
      }),
    heardCode: async (call) => {
      const code = await waitFor("a code is heard", () => call.spokenCode);
      deployment.secrets.add(code);
      return code;
    },
  };
}

function workersOf(fixture: GatewayFixture, deployment: Deployment) {
  return {
    startWorker: () => startWorkerOf(fixture, deployment),
    spawnWorker: (spawning: Spawning = {}) => spawnPart("worker", { fixture, deployment, spawning }),
  };
}

/** A worker of the deployment in this process; its log is held to the same rules as a gateway's. */
export async function startWorkerOf(fixture: GatewayFixture, deployment: Deployment): Promise<RunningWorker> {
  const config = loadConfig(deployment.environment) as Config & { REDIS_URL: string };
  const destination = { write: (line: string) => void deployment.lines.push(line) };
  const worker = await startWorker(config, createLogger({ level: "debug", process: "worker", destination }));
  fixture.closeAfter(() => worker.close());
  return worker;
}

async function spawnGateway(fixture: GatewayFixture, deployment: Deployment, spawning: Spawning = {}) {
  const spawned = await spawnPart("gateway", { fixture, deployment, spawning });
  const dispatcher = new Agent();
  fixture.closeAfter(() => dispatcher.destroy());
  const close = async () => void (await spawned.end("SIGTERM"));
  return { ...spawned, baseUrl: spawned.url, secrets: deployment.secrets, dispatcher, close };
}

async function spawnPart(
  part: "gateway" | "worker",
  { fixture, deployment, spawning }: { fixture: GatewayFixture; deployment: Deployment; spawning: Spawning },
): Promise<SpawnedProcess> {
  const environment = { ...deployment.environment, ...spawning.environment };
  let lines: SpawnedProcess["lines"] = [];
  fixture.closeAfter(() => void deployment.lines.push(...lines.map((line) => `${JSON.stringify(line)}\n`)));
  const spawned = await spawnProcess(part, { ...spawning, environment, closeAfter: fixture.closeAfter });
  lines = spawned.lines;
  return spawned;
}
