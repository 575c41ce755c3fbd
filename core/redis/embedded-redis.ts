import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface EmbeddedRedisOptions {
  /** Keeps the data here, over restarts. Absent: a temporary folder that is removed on close. */
  dataFolder?: string;
  /** Only 0, the default: a free port is chosen. */
  port?: 0;
  /** Append-only file, synced every second. Default: true with a `dataFolder`, else false. */
  appendOnly?: boolean;
  /** Server cron ticks a second, default 100: at Redis' own 10 a delayed job is up to 100 ms late. */
  hz?: number;
  /** Further lines of redis.conf, for example `{ "cluster-enabled": "yes" }`. */
  extra?: Readonly<Record<string, string>>;
}

export interface EmbeddedRedis {
  /** With the password, for example `redis://:…@127.0.0.1:41234`. */
  url: string;
  port: number;
  pid: number;
  /** Settles when the server is gone, asked for or not. */
  exited: Promise<void>;
  /** Saves what is to be kept, stops the server and waits until it is gone. May be called again. */
  close(): Promise<void>;
}

/**
 * Starts a private Redis on a free port of 127.0.0.1, behind a random password, that never outlives this process.
 *
 * For development, the demo and the tests; production brings its own Redis (`REDIS_URL`).
 * Throws when no server binary is on PATH, when `dataFolder` is in use, or when the server refuses its settings.
 */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions = {}): Promise<EmbeddedRedis> {
  const [binary, leash] = await Promise.all([findRedisBinary(), findLeash()]);
  const folder = await openFolder(options.dataFolder);
  try {
    return await startOnFreePort({ binary, leash, folder, options });
  } catch (error) {
    await folder.release();
    throw error;
  }
}

interface Launch {
  binary: string;
  leash: readonly string[];
  folder: DataFolder;
  options: EmbeddedRedisOptions;
}

interface DataFolder {
  path: string;
  claim(pid: number): Promise<void>;
  release(): Promise<void>;
}

const attempts = 10;
/** Somebody took the port between our look and the bind, or a cluster bus port would lie above 65535. */
const portTrouble = /Address already in use|port number too high|Failed listening on port/i;

async function startOnFreePort(launch: Launch): Promise<EmbeddedRedis> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await startOnPort(launch, await freePort());
    if ("redis" in outcome) return outcome.redis;
    if (attempt === attempts || !portTrouble.test(outcome.log)) {
      throw new Error(`${launch.binary} did not start:\n${outcome.log}`);
    }
  }
}

async function startOnPort(launch: Launch, port: number): Promise<{ redis: EmbeddedRedis } | { log: string }> {
  const password = randomBytes(24).toString("base64url");
  const [command = launch.binary, ...args] = [...launch.leash, launch.binary, "-"];
  // A session of its own: Ctrl-C in a terminal reaches the gateway, which still needs Redis while it drains.
  const child = spawn(command, args, { detached: true, stdio: ["pipe", "pipe", "pipe"] });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  child.stdin.on("error", () => undefined);
  // By stdin, because arguments and their password would show in every user's process list.
  child.stdin.end(redisConfig(launch, port, password));

  const log = await waitUntilReady(child);
  if (log !== undefined) return { log };
  const pid = child.pid!;
  await launch.folder.claim(pid);
  const unwatch = launch.leash.length > 0 ? () => undefined : watchOurDeath(pid);

  let closing: Promise<void> | undefined;
  const close = async () => {
    unwatch();
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), 5_000);
    await exited;
    clearTimeout(force);
    await launch.folder.release();
  };
  return {
    redis: {
      url: `redis://:${password}@127.0.0.1:${port}`,
      port,
      pid,
      exited,
      close: () => {
        closing ??= close();
        return closing;
      },
    },
  };
}

function redisConfig({ folder, options }: Launch, port: number, password: string): string {
  const appendOnly = options.appendOnly ?? options.dataFolder !== undefined;
  const settings: Record<string, string> = {
    bind: "127.0.0.1",
    port: String(port),
    requirepass: password,
    dir: JSON.stringify(folder.path),
    daemonize: "no",
    hz: String(options.hz ?? 100),
    save: '""',
    appendonly: appendOnly ? "yes" : "no",
    appendfsync: "everysec",
    "maxmemory-policy": "noeviction",
    ...options.extra,
  };
  return `${Object.entries(settings)
    .map(([name, value]) => `${name} ${value}`)
    .join("\n")}\n`;
}

/** Nothing when it accepts connections; its last words when it ended before. */
async function waitUntilReady(child: ChildProcess): Promise<string | undefined> {
  const lines: string[] = [];
  const lastWords = () => lines.slice(-20).join("\n");
  return await new Promise((resolve) => {
    const read = (line: string) => {
      lines.push(line);
      if (lines.length > 200) lines.shift();
      if (line.includes("Ready to accept connections")) resolve(undefined);
    };
    // Both stay read for ever: a full pipe would stop the server.
    createInterface(child.stdout!).on("line", read);
    createInterface(child.stderr!).on("line", read);
    child.once("error", (error) => resolve(`${error.message}\n${lastWords()}`));
    child.once("close", () => resolve(lastWords()));
  });
}

async function findRedisBinary(): Promise<string> {
  for (const name of ["redis-server", "valkey-server"]) {
    const found = await run(name, ["--version"]).then(
      () => true,
      () => false,
    );
    if (found) return name;
  }
  throw new Error(
    "Neither redis-server nor valkey-server is on PATH. Install one (Debian and Ubuntu: apt-get install redis-server; " +
      "Fedora: dnf install valkey; Alpine: apk add redis; macOS: brew install redis) or set REDIS_URL.",
  );
}

/** util-linux' setpriv lets the kernel kill the server with us, whatever kills us; BusyBox' has no such option. */
async function findLeash(): Promise<readonly string[]> {
  const leash = ["setpriv", "--pdeathsig", "KILL", "--"] as const;
  return await run(leash[0], [...leash.slice(1), "true"]).then(
    () => leash,
    () => [],
  );
}

/** Without setpriv: a shell that reads from us, and kills the server when our end of the pipe is gone. */
function watchOurDeath(pid: number): () => void {
  const watcher = spawn("sh", ["-c", `read -r _; kill -KILL ${pid}`], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watcher.stdin.on("error", () => undefined);
  watcher.unref();
  return () => void watcher.kill("SIGKILL");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port on 127.0.0.1");
  return address.port;
}

async function openFolder(dataFolder: string | undefined): Promise<DataFolder> {
  if (dataFolder === undefined) {
    const path = await mkdtemp(join(tmpdir(), "callseal-redis-"));
    return {
      path,
      claim: async () => undefined,
      release: async () => await rm(path, { recursive: true, force: true }),
    };
  }
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const pidFile = join(dataFolder, "redis.pid");
  await refuseSharedFolder(dataFolder, pidFile);
  return {
    path: dataFolder,
    claim: async (pid) => await writeFile(pidFile, `${pid}\n`),
    release: async () => await rm(pidFile, { force: true }),
  };
}

/** Two servers on one append-only file would destroy it, so the second is refused; a dying one gets a second to go. */
async function refuseSharedFolder(dataFolder: string, pidFile: string): Promise<void> {
  const text = await readFile(pidFile, "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  if (!Number.isSafeInteger(pid) || pid <= 1) return;
  for (let look = 0; look < 20; look++) {
    if (!(await isRedisAlive(pid))) return;
    await delay(50);
  }
  throw new Error(`${dataFolder} is in use by the Redis with process id ${pid}: stop it, or use another data folder.`);
}

async function isRedisAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  // Linux tells more: an id is reused after a reboot, and a killed server stays a zombie (Z) until somebody reaps it.
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return stat === undefined || /^\d+ \((?:redis|valkey)[^)]*\) [^ZX]/.test(stat);
}
