import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { RemoteCalls } from "./remote-calls.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const probe = new URL("./probe.ts", import.meta.url).href;
const startDeadlineMs = 20_000;
const stopDeadlineMs = 12_000;

export interface Child {
  pid: number;
  url: string;
  calls: RemoteCalls;
  /** Asks it to end and, when it does not in time, kills it; resolves with its exit code. */
  stop(): Promise<number | null>;
  /** Ends it without a word, and resolves once it is gone. */
  kill(): Promise<void>;
}

export interface ChildOptions {
  environment?: Readonly<Record<string, string>>;
  /** Further arguments of Node itself, such as `--cpu-prof`. */
  nodeArguments?: readonly string[];
  /** With garbage collection on demand and the probe. Default true. */
  probed?: boolean;
}

/**
 * Starts an entry as a process of its own and waits for its `*.ready` line. Its log goes to a file, as it would in
 * production behind a collector, so that reading it costs the measuring process nothing.
 */
export async function startChild(entry: string, options: ChildOptions = {}): Promise<Child> {
  const folder = await mkdtemp(join(tmpdir(), "callseal-bench-"));
  const log = join(folder, "log");
  const output = openSync(log, "w");
  const probed = options.probed === false ? [] : ["--expose-gc", "--import", probe];
  // It dies with this process, whatever ends that one: an interrupted run leaves nothing behind.
  const command = ["--pdeathsig", "KILL", process.execPath, ...probed, ...(options.nodeArguments ?? []), entry];
  const child = spawn("setpriv", command, {
    cwd: root,
    env: environmentOf(options.environment),
    stdio: ["ignore", output, "inherit", "ipc"],
  });
  closeSync(output);
  const calls = new RemoteCalls(child);
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const url = await readyUrl(child, { log, entry });
    return {
      pid: child.pid!,
      url,
      calls,
      stop: () => stop(child).finally(remove),
      kill: () => kill(child).finally(remove),
    };
  } catch (error) {
    await stop(child);
    await remove();
    throw error;
  }
}

/** Nothing of the caller's own settings reaches what is measured. */
export function environmentOf(given: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), NODE_ENV: "development", ...given };
}

async function readyUrl(child: ChildProcess, from: { log: string; entry: string }): Promise<string> {
  const deadline = performance.now() + startDeadlineMs;
  while (performance.now() < deadline) {
    const text = readFileSync(from.log, "utf8");
    const line = text.split("\n").find((one) => /"event":"[a-z]+\.ready"/.test(one));
    // A gateway's `url` is its public origin; clients on this machine go to its port.
    if (line !== undefined) return `http://127.0.0.1:${(JSON.parse(line) as { port: number }).port}`;
    if (child.exitCode !== null) throw new Error(`${from.entry} ended with ${child.exitCode}:\n${text}`);
    await delay(10);
  }
  throw new Error(`${from.entry} was not ready in time`);
}

async function stop(child: ChildProcess): Promise<number | null> {
  if (hasEnded(child)) return child.exitCode;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopDeadlineMs);
  await gone;
  clearTimeout(timer);
  return child.exitCode;
}

async function kill(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
