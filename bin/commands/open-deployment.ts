import { ConfigError, loadConfig } from "../../core/config/config.ts";
import { type Connections, createConnections, type RedisClient } from "../../core/redis/connections.ts";
import { Keyspace } from "../../core/redis/keys.ts";
import { loadScripts, type RunScript } from "../../core/redis/scripts.ts";
import { CommandError, type Terminal } from "./command.ts";

/** The deployment that the environment describes, as far as a command needs it. */
export interface OpenDeployment {
  connections: Connections;
  redis: RedisClient;
  run: RunScript;
  keyspace: Keyspace;
  close(): Promise<void>;
}

/** Connects to the deployment's Redis; a CommandError says why when that fails. */
export async function openDeployment(terminal: Terminal): Promise<OpenDeployment> {
  const config = readConfig(terminal);
  if (config.REDIS_URL === undefined) {
    throw new CommandError(
      "REDIS_URL is not set: give the Redis of the deployment, for example redis://localhost:6379",
    );
  }
  let lastError: Error | undefined;
  const connections = createConnections(config.REDIS_URL, (_role, error) => {
    lastError = error;
  });
  const redis = connections.open("commands");
  try {
    await redis.ping();
  } catch (error) {
    await connections.close();
    throw new CommandError(`${describe(config.REDIS_URL)} is not reachable: ${reason(lastError ?? (error as Error))}`);
  }
  const run = loadScripts(redis, { sharded: connections.sharded, outboxLimit: config.CALLSEAL_OUTBOX_LIMIT });
  const keyspace = new Keyspace({ prefix: config.CALLSEAL_REDIS_PREFIX, partitions: config.CALLSEAL_PARTITIONS });
  return { connections, redis, run, keyspace, close: () => connections.close() };
}

function readConfig({ environment }: Terminal) {
  try {
    return loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(error.message);
    throw error;
  }
}

/** The URL without its name and password. */
function describe(url: string): string {
  return `Redis at ${url.replace(/\/\/[^@/]*@/, "//").replace(/\?.*$/, "")}`;
}

function reason(error: Error): string {
  const code = (error as { code?: unknown }).code;
  if (error.message !== "") return error.message;
  return typeof code === "string" ? code : "no answer";
}
