import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { environmentOf } from "./start-child.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Milliseconds from the start of a process to its `*.ready` line; the process is stopped afterwards. */
export async function timeStart(entry: string, environment: Readonly<Record<string, string>>): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [entry], {
    cwd: root,
    env: environmentOf(environment),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = once(child, "exit");
  try {
    return await new Promise((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`${entry} ended with ${code} before it was ready`)));
      createInterface({ input: child.stdout }).on("line", (line) => {
        if (/"event":"[a-z]+\.ready"/.test(line)) resolve(performance.now() - startedAt);
      });
    });
  } finally {
    child.kill("SIGTERM");
    await gone;
  }
}
