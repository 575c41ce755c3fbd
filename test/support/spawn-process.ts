import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { waitFor } from "./wait-for.ts";

/** A gateway or a worker that runs as it does in production: a process of its own, from its own entry. */
export interface SpawnedProcess {
  child: ChildProcess;
  /** Where it listens: `http://127.0.0.1:<port>`. */
  url: string;
  port: number;
  /** Every line that it logged, and every one that is no log line, as `{ text }`. */
  lines: Record<string, unknown>[];
  /** Sends the signal and waits for the end: its exit code and how long it took. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<{ code: number | null; afterMs: number }>;
}

export interface SpawnOptions {
  environment: Record<string, string>;
  /** How wrong the process' wall clock is. */
  clockOffsetMs?: number;
  /** A folder with the bundle to run. Default: from source. */
  bundle?: string;
  /** Hears how to kill the process, before it is awaited. */
  closeAfter(kill: () => Promise<unknown>): void;
}

/** Starts a gateway or a worker as a process of its own, and waits until it is ready. */
export async function spawnProcess(part: "gateway" | "worker", options: SpawnOptions): Promise<SpawnedProcess> {
  const { environment, clockOffsetMs, bundle } = options;
  const preload = clockOffsetMs === undefined ? [] : ["--import", new URL("skew-clock.ts", import.meta.url).href];
  const name = part === "gateway" ? "server" : "worker";
  const entry = bundle === undefined ? `${name}/main.ts` : `${name}.mjs`;
  const child = spawn(process.execPath, [...preload, entry], {
    cwd: bundle ?? new URL("../../", import.meta.url),
    env: { PATH: process.env["PATH"], CLOCK_OFFSET_MS: String(clockOffsetMs ?? 0), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "exit");
  options.closeAfter(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const lines: Record<string, unknown>[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on("line", (line) => lines.push(line.startsWith("{") ? JSON.parse(line) : { text: line }));
  }
  const ready = await waitFor(
    `the ${part} is ready`,
    () => {
      if (child.exitCode !== null) throw new Error(`the ${part} ended: ${JSON.stringify(lines)}`);
      return lines.find(({ event }) => event === `${part}.ready`);
    },
    { withinMs: 30_000 },
  );
  return {
    child,
    url: `http://127.0.0.1:${ready["port"]}`,
    port: Number(ready["port"]),
    lines,
    end: async (signal) => {
      const at = performance.now();
      child.kill(signal);
      const [code] = (await ended) as [number | null];
      return { code, afterMs: Math.round(performance.now() - at) };
    },
  };
}
