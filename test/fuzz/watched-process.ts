import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { RemoteCalls } from "../../bench/stack/remote-calls.ts";
import { waitFor } from "../support/wait-for.ts";
import type { Delays, Memory } from "./probe.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const probe = new URL("./probe.ts", import.meta.url).href;

/** A process of the product, as it is in production, with a probe loaded beside it. */
export interface WatchedProcess {
  name: string;
  pid: number;
  /** 0 when it listens on none. */
  port: number;
  /** Its standard output and error. */
  logPath: string;
  /** How it ended, once it has. */
  readonly ended: string | undefined;
  /** Since the last time that it was asked. */
  delays(): Promise<Delays>;
  memory(): Promise<Memory>;
  stop(): Promise<void>;
}

export interface WatchOptions {
  name: string;
  /** Below the repository's root. */
  entry: string;
  folder: string;
  environment: Readonly<Record<string, string>>;
  /** Whether it says when it is ready, with its port. */
  listens: boolean;
}

/** Starts a process and waits until it is ready. Its log goes to a file, which never makes it wait for a reader. */
export async function watchProcess(options: WatchOptions): Promise<WatchedProcess> {
  const { name, entry, folder, environment, listens } = options;
  const logPath = `${folder}/${name}.log`;
  const output = openSync(logPath, "a", 0o600);
  const child = spawn(process.execPath, ["--expose-gc", "--import", probe, entry], {
    cwd: root,
    env: { PATH: process.env["PATH"], ...environment },
    stdio: ["ignore", output, output, "ipc"],
  });
  closeSync(output);
  let ended: string | undefined;
  child.once("exit", (code, signal) => {
    ended = `${name} ended with ${code ?? signal}`;
  });
  const calls = new RemoteCalls(child);
  const port = listens ? await readyPort(logPath, () => ended) : 0;
  return {
    name,
    pid: child.pid!,
    port,
    logPath,
    get ended() {
      return ended;
    },
    delays: () => calls.call<Delays>("delays"),
    memory: () => calls.call<Memory>("memory"),
    stop: () => stop(child),
  };
}

async function readyPort(logPath: string, ended: () => string | undefined): Promise<number> {
  const look = () => {
    const text = readFileSync(logPath, "utf8");
    if (ended() !== undefined) throw new Error(`${ended()}: ${text}`);
    const line = text.split("\n").find((one) => /"event":"[a-z]+\.ready"/.test(one));
    return line === undefined ? undefined : (JSON.parse(line) as { port: number }).port;
  };
  return await waitFor("the process is ready", look, { withinMs: 20_000, everyMs: 20 });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 12_000);
  await gone;
  clearTimeout(timer);
}
