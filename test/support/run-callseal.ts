import { spawn } from "node:child_process";
import { once } from "node:events";
import { runCommand } from "../../bin/commands/run-command.ts";
import type { Core } from "./open-core.ts";
import type { CoreFixture } from "./use-core.ts";

export interface CommandResult {
  code: number | null;
  out: string;
  err: string;
}

/** Runs a command of `callseal` in this process, with nothing but this environment. */
export async function runCallseal(args: string[], environment: Record<string, string> = {}): Promise<CommandResult> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runCommand(args, {
    environment: { NODE_ENV: "test", ...environment },
    out: async (text) => void out.push(text),
    err: (text) => void err.push(text),
  });
  return { code, out: out.join(""), err: err.join("") };
}

/** The same as an operator does it, in a process of its own. */
export async function spawnCallseal(
  args: string[],
  options: { environment?: Record<string, string>; stdin?: string } = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, ["bin/callseal.ts", ...args], {
    cwd: new URL("../../", import.meta.url),
    env: { PATH: process.env["PATH"], NODE_ENV: "test", ...options.environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  child.stdin.end(options.stdin ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() };
}

/** The environment of a command that works on the core's deployment. */
export function environmentOf(fixture: CoreFixture, core: Core): Record<string, string> {
  return {
    REDIS_URL: fixture.url,
    CALLSEAL_REDIS_PREFIX: core.keyspace.prefix,
    CALLSEAL_PARTITIONS: String(core.keyspace.partitions),
  };
}
