import { parseArgs } from "node:util";

export interface DemoOptions {
  once: boolean;
  help: boolean;
  /** Multiplies how long speech and pauses on the call take. */
  timeScale: number;
}

export const usage = `Usage: npm run demo [-- --once] [-- --time-scale 0.25]

Starts Redis, a gateway, a worker and a sandbox voice cloud, places a call and shows how it is verified and moved.

  --once          leave with 0 when the call has moved, or with 1 and the reason when it has not
  --time-scale N  speak N times as long as a person would (0.01 to 1; default 0.25 with --once, else 1)
  --help          this text`;

/** The options of the command line, or undefined when there is one that is not known. */
export function readOptions(args: string[]): DemoOptions | undefined {
  try {
    const { values } = parseArgs({
      args,
      options: { once: { type: "boolean" }, help: { type: "boolean" }, "time-scale": { type: "string" } },
    });
    const once = values.once ?? false;
    const timeScale = Number(values["time-scale"] ?? (once ? 0.25 : 1));
    if (!(timeScale >= 0.01 && timeScale <= 1)) return undefined;
    return { once, help: values.help ?? false, timeScale };
  } catch {
    return undefined;
  }
}
