import { spawn } from "node:child_process";
import { constants } from "node:os";
import { delimiter, join } from "node:path";

export interface Step {
  name: string;
  /** A command of node_modules/.bin that is written in JavaScript. */
  tool: string;
  args: readonly string[];
  timeoutMs: number;
}

export interface StepOutcome {
  name: string;
  exitCode: number;
  durationMs: number;
  /** We were asked to stop while it ran. */
  interrupted: boolean;
}

const graceMs = 5_000;

/** Runs one step with this very Node, its output on ours, and ends it when its time is over or we are asked to stop. */
export async function runStep(root: string, step: Step): Promise<StepOutcome> {
  console.log(`\n── ${step.name}: ${step.tool} ${step.args.slice(0, 3).join(" ")}`);
  const started = Date.now();
  const bin = join(root, "node_modules", ".bin");
  const child = spawn(process.execPath, [join(bin, step.tool), ...step.args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}`,
      ...(process.stdout.isTTY ? {} : { NO_COLOR: "1" }),
    },
  });

  let interrupted = false;
  let force: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill("SIGTERM");
    force ??= setTimeout(() => child.kill("SIGKILL"), graceMs);
  };
  const interrupt = () => {
    interrupted = true;
    stop();
  };
  const deadline = setTimeout(() => {
    console.error(`${step.name} is stopped: it ran for ${step.timeoutMs / 1000} s`);
    stop();
  }, step.timeoutMs);
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);

  const exitCode = await new Promise<number>((resolve) => {
    child.once("error", () => resolve(127));
    child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
  clearTimeout(deadline);
  clearTimeout(force);
  process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  return { name: step.name, exitCode, durationMs: Date.now() - started, interrupted };
}
