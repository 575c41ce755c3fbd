import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface DemoProcess {
  url: string;
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const stopDeadlineMs = 11_000;

/** Starts a production entry as a child process and waits for the line that says it is ready. */
export async function startProcess(entry: string, environment: Record<string, string>): Promise<DemoProcess> {
  const child = spawn(process.execPath, [entry], {
    cwd: root,
    env: { ...process.env, NODE_ENV: "development", ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await readyUrl(child, entry);
  return { url, stop: () => stop(child) };
}

function readyUrl(child: ChildProcess, entry: string): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${entry} ended with ${code} before it was ready`)));
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const event = readEvent(line);
      if (event?.event?.endsWith(".ready") && event.url) resolve(event.url);
      if (event?.level === "error" || event?.level === "fatal") process.stderr.write(`${line}\n`);
    });
  });
}

function readEvent(line: string): { event?: string; url?: string; level?: string } | undefined {
  try {
    return JSON.parse(line) as { event?: string; url?: string; level?: string };
  } catch {
    return undefined;
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopDeadlineMs);
  await gone;
  clearTimeout(timer);
}
