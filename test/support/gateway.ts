import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent } from "undici";
import { afterEach } from "vitest";
import { type Config, loadConfig } from "../../core/config/config.ts";
import { createLogger } from "../../core/logging/create-logger.ts";
import { startGateway } from "../../server/start-gateway.ts";
import { type Core, testSecret } from "./open-core.ts";
import { assertNoSecrets, SecretBook } from "./secret-book.ts";
import { type TenantKeys, type TestTenant, testTenant } from "./test-tenants.ts";
import { type CoreFixture, useCore } from "./use-core.ts";

/**
 * Gateways as they are in production, in this process, for tests that speak raw HTTP, Socket.IO or TwiML:
 *
 * ```ts
 * const fixture = useGateways();
 * test("…", async () => {
 *   const { gateway, keys } = await fixture.start();
 *   const answer = await send(gateway, "POST /scramble/caller/v1/sessions", { key: keys.sessions, json: {…} });
 * });
 * ```
 *
 * After each test every gateway is closed; a connection or subscription that is left, a log line at level `error` or
 * above, and a log line with a secret in it each fail the test. `send` notes secrets from what it sends and gets.
 */
export interface GatewayFixture {
  /** The file's Redis: its URL, an admin connection, cores that share a deployment's keys, leak checks. */
  core: CoreFixture;
  start(options?: DeploymentOptions): Promise<Deployment>;
  /** Registers something of the test's own to close before the gateways. */
  closeAfter(close: () => Promise<unknown> | unknown): void;
}

export interface DeploymentOptions {
  /** How many gateways of this process share the deployment. Default 1. */
  gateways?: number;
  /** Default: one tenant `acme` with the protocol's defaults. The first one's keys are the deployment's `keys`. */
  tenants?: TestTenant[];
  /** Further environment, for example `{ CALLSEAL_TRUST_PROXY: "true" }`. */
  environment?: Record<string, string>;
  /** Another way to the same Redis, for example through a proxy that can be cut. Default: the file's Redis itself. */
  redisUrl?: string;
  /** For tests that provoke faults inside the gateway: lines at level `error` do not fail the test. Default false. */
  allowErrors?: boolean;
}

export interface TestGateway {
  /** Where it listens: `http://127.0.0.1:<port>`. Its `aud` and webhook signatures use the deployment's publicUrl. */
  baseUrl: string;
  port: number;
  secrets: SecretBook;
  /** Connections of its own, closed with it. */
  dispatcher: Agent;
  /** Drains and stops it; the fixture does so too, at the end of the test. */
  close(): Promise<void>;
}

export interface Deployment {
  publicUrl: string;
  prefix: string;
  /** The first gateway, and all of them. */
  gateway: TestGateway;
  gateways: TestGateway[];
  keys: TenantKeys;
  tenants: TestTenant[];
  /** JSON log lines of every gateway, as they were written. */
  lines: string[];
  secrets: SecretBook;
  /** What its processes run with: for those that a test spawns. */
  environment: Readonly<Record<string, string>>;
  /** The deployment's own stores, over connections of the test: for what no wire shows. */
  core: Core;
  startAnother(environment?: Record<string, string>): Promise<TestGateway>;
}

/** The origin in `aud`, receipts and webhook signatures of every test deployment. */
export const testPublicUrl = "https://callseal.test";

/** Call once at the top of a test file: a private Redis for the file, and gateways on it for each test. */
export function useGateways(): GatewayFixture {
  const core = useCore();
  const closers: (() => Promise<unknown> | unknown)[] = [];
  const started: { deployment: Deployment; allowErrors: boolean }[] = [];

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    for (const { deployment, allowErrors } of started.splice(0)) {
      assertNoSecrets(deployment.lines, deployment.secrets.all);
      if (!allowErrors) expectNoErrors(deployment.lines);
    }
  });

  return {
    core,
    closeAfter: (close) => void closers.push(close),
    async start(options = {}) {
      const deployment = await startDeployment(core, options, (close) => void closers.push(close));
      started.push({ deployment, allowErrors: options.allowErrors ?? false });
      return deployment;
    },
  };
}

async function startDeployment(
  core: CoreFixture,
  options: DeploymentOptions,
  closeAfter: (close: () => Promise<unknown>) => void,
): Promise<Deployment> {
  const tenants = options.tenants ?? [testTenant()];
  const prefix = `t${randomBytes(6).toString("hex")}`;
  const lines: string[] = [];
  const secrets = new SecretBook();
  for (const tenant of tenants) secrets.add(...Object.values(tenant.keys));

  const folder = await mkdtemp(join(tmpdir(), "callseal-test-"));
  closeAfter(() => rm(folder, { recursive: true }));
  const tenantsFile = join(folder, "tenants.json");
  await writeFile(tenantsFile, JSON.stringify({ tenants: tenants.map((tenant) => tenant.input) }));

  const environment = {
    NODE_ENV: "test",
    PORT: "0",
    HOST: "127.0.0.1",
    LOG_LEVEL: "debug",
    REDIS_URL: options.redisUrl ?? core.url,
    CALLSEAL_PUBLIC_URL: testPublicUrl,
    CALLSEAL_CONFIG: tenantsFile,
    CALLSEAL_SECRET: testSecret,
    CALLSEAL_REDIS_PREFIX: prefix,
    ...options.environment,
  };
  const startAnother = async (more: Record<string, string> = {}): Promise<TestGateway> => {
    const config = loadConfig({ ...environment, ...more }) as Config & { REDIS_URL: string };
    const destination = { write: (line: string) => void lines.push(line) };
    const logger = createLogger({ level: config.LOG_LEVEL, process: "gateway", destination });
    const gateway = await startGateway(config, logger);
    const dispatcher = new Agent({ headersTimeout: 90_000, bodyTimeout: 90_000 });
    closeAfter(async () => {
      await gateway.close();
      await dispatcher.destroy();
    });
    const baseUrl = `http://127.0.0.1:${gateway.port}`;
    return { baseUrl, port: gateway.port, secrets, dispatcher, close: () => gateway.close() };
  };

  const gateways: TestGateway[] = [];
  for (let index = 0; index < (options.gateways ?? 1); index += 1) gateways.push(await startAnother());
  return {
    publicUrl: environment.CALLSEAL_PUBLIC_URL,
    prefix,
    gateway: gateways[0]!,
    gateways,
    keys: tenants[0]!.keys,
    tenants,
    lines,
    secrets,
    environment,
    core: core.open({ prefix }),
    startAnother,
  };
}

function expectNoErrors(lines: readonly string[]): void {
  const faults = lines.filter((line) => /"level":"(?:error|fatal)"/.test(line));
  if (faults.length > 0) throw new Error(`a gateway logged a fault:\n${faults.join("")}`);
}
