import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "./free-port.ts";

/** Lines of redis.conf; a list is a directive that is given several times. */
export type RedisSettings = Record<string, string | readonly string[]>;

/** One redis-server or sentinel on 127.0.0.1, which keeps its port and folder over its deaths. */
export interface RedisNode {
  port: number;
  /** A connection of the test's own; its errors are heard by nobody, since nodes die here on purpose. */
  admin: Redis;
  readonly pid: number;
  readonly alive: boolean;
  readonly frozen: boolean;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: it keeps its connections and says nothing more. `thaw` lets it go on. */
  freeze(): void;
  thaw(): void;
  /** Starts it again after `kill`, in its own folder; `settings` are added to those that it had. */
  start(settings?: RedisSettings): Promise<void>;
  /** Kills it, if it lives, and removes its folder. */
  close(): Promise<void>;
}

export interface SpawnRedisOptions {
  settings: RedisSettings;
  password?: string;
  sentinel?: boolean;
}

/** Starts a node that dies with this process, whatever kills it (util-linux' setpriv, as everywhere in the tests). */
export async function spawnRedis(options: SpawnRedisOptions): Promise<RedisNode> {
  const folder = await mkdtemp(join(tmpdir(), "callseal-node-"));
  const mode = options.sentinel ? ["--sentinel"] : [];
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const file = join(folder, "redis.conf");
    await writeFile(file, configText({ port, dir: folder, options, busPort: await freePort() }));
    const started = await launch([file, ...mode]);
    if ("child" in started) return describe({ port, folder, options, file, child: started.child });
    if (attempt === 10) {
      await rm(folder, { recursive: true });
      throw new Error(`redis-server did not start:\n${started.log}`);
    }
  }
}

interface Node {
  port: number;
  folder: string;
  file: string;
  options: SpawnRedisOptions;
  child: ChildProcess;
}

function describe(node: Node): RedisNode {
  const { port, folder, options, file } = node;
  const password = options.password === undefined ? {} : { password: options.password };
  const admin = new Redis({
    port,
    ...password,
    connectionName: "test:admin",
    replyMapping: "legacy",
    retryStrategy: () => 50,
    maxRetriesPerRequest: 1,
    // A frozen node answers nobody, and a test that asks it anyway hears so.
    commandTimeout: 2000,
  });
  admin.on("error", () => undefined);
  let frozen = false;
  const alive = () => node.child.exitCode === null && node.child.signalCode === null;
  const kill = async () => {
    frozen = false;
    if (!alive()) return;
    const gone = once(node.child, "exit");
    node.child.kill("SIGKILL");
    await gone;
  };
  const signal = (name: "SIGSTOP" | "SIGCONT") => {
    if (!node.child.kill(name)) throw new Error(`the node on port ${port} is gone`);
    frozen = name === "SIGSTOP";
  };
  return {
    port,
    admin,
    get pid() {
      return node.child.pid!;
    },
    get alive() {
      return alive();
    },
    get frozen() {
      return frozen;
    },
    kill,
    freeze: () => signal("SIGSTOP"),
    thaw: () => signal("SIGCONT"),
    async start(settings = {}) {
      if (alive()) throw new Error(`the node on port ${port} is alive`);
      const started = await launch([file, ...(options.sentinel ? ["--sentinel"] : []), ...asArguments(settings)]);
      if (!("child" in started)) throw new Error(`the node on port ${port} did not come back:\n${started.log}`);
      node.child = started.child;
    },
    async close() {
      admin.disconnect();
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Resolves when it accepts connections; its last words when it ended before. */
async function launch(args: string[]): Promise<{ child: ChildProcess } | { log: string }> {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", "redis-server", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks: string[] = [];
  return await new Promise((resolve) => {
    const hear = (chunk: Buffer) => {
      if (chunks.length > 100) chunks.shift();
      chunks.push(chunk.toString());
      if (/Ready to accept connections|Sentinel ID is/.test(chunks.join(""))) resolve({ child });
    };
    // Both stay read for ever: a full pipe would stop the server.
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("error", (error) => resolve({ log: error.message }));
    child.once("close", () => resolve({ log: chunks.join("") }));
  });
}

function configText(node: { port: number; busPort: number; dir: string; options: SpawnRedisOptions }): string {
  const { sentinel, password, settings } = node.options;
  const common = { port: String(node.port), bind: "127.0.0.1", dir: node.dir, ...settings };
  const server = {
    hz: "100",
    save: '""',
    "repl-diskless-sync": "no",
    // Only read by nodes of a cluster: its default would often lie above 65535.
    "cluster-port": String(node.busPort),
    ...(password === undefined ? {} : { requirepass: password, masterauth: password }),
  };
  return asLines(sentinel ? common : { ...server, ...common })
    .map((line) => `${line.join(" ")}\n`)
    .join("");
}

function asLines(settings: RedisSettings): [name: string, value: string][] {
  return Object.entries(settings).flatMap(([name, value]) =>
    (typeof value === "string" ? [value] : value).map((one): [string, string] => [name, one]),
  );
}

function asArguments(settings: RedisSettings): string[] {
  return asLines(settings).flatMap(([name, value]) => [`--${name}`, ...value.split(" ")]);
}

/**
 * From now on no replica of the primary is told what it writes, and none acknowledges anything, until the answer is
 * called: then they go on, and nothing has reached them meanwhile.
 */
export async function holdReplicas(primary: RedisNode, nodes: readonly RedisNode[]): Promise<() => void> {
  const [, , replicas] = (await primary.admin.call("ROLE")) as [string, number, [string, string][]];
  const held = nodes.filter(({ port }) => replicas.some(([, text]) => Number(text) === port));
  if (held.length === 0) throw new Error(`the node on port ${primary.port} has no replica`);
  for (const node of held) node.freeze();
  // What lies in their sockets they would still read: only a link that is cut keeps it from them.
  await primary.admin.call("CLIENT", "KILL", "TYPE", "replica");
  return () => {
    for (const node of held) node.thaw();
  };
}
