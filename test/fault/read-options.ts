import { parseArgs } from "node:util";
import { allRuns } from "./all-runs.ts";
import type { FaultRun } from "./fault-run.ts";

export interface FaultOptions {
  help: boolean;
  runs: readonly FaultRun[];
  confirmations: number;
  ratePerSecond: number;
  minutes: number;
  seed: number;
  /** Folder for fault.json and fault.md. */
  out: string;
}

export const usage = `Usage: npm run fault -- [options]

Runs a whole deployment on this machine, breaks it again and again while callers confirm, and checks what every client
was told against what happened to every call. Exit code 1 when a promise was broken.

  --only gateways,redis    these runs alone
  --confirmations <n>      calls of a run (default 10000)
  --rate <n>               new calls a second (default 60)
  --minutes <n>            how long the run without faults goes on (default 30)
  --seed <n>               decides who is struck (default 1)
  --out <folder>           where fault.json and fault.md are written (default .data/fault)
  --help                   this text

${allRuns.map(({ id, title }) => `  ${id.padEnd(14)} ${title}`).join("\n")}`;

/** Reads the command line; undefined when it cannot be understood. */
export function readOptions(args: string[]): FaultOptions | undefined {
  try {
    const { values } = parseArgs({
      args,
      options: {
        only: { type: "string" },
        confirmations: { type: "string", default: "10000" },
        rate: { type: "string", default: "60" },
        minutes: { type: "string", default: "30" },
        seed: { type: "string", default: "1" },
        out: { type: "string", default: ".data/fault" },
        help: { type: "boolean", default: false },
      },
    });
    const numbers = [values.confirmations, values.rate, values.minutes, values.seed];
    const runs = readRuns(values.only);
    if (runs === undefined || numbers.some((text) => !/^[1-9]\d{0,6}$/.test(text))) return undefined;
    const [confirmations, ratePerSecond, minutes, seed] = numbers.map(Number) as [number, number, number, number];
    return { help: values.help, runs, confirmations, ratePerSecond, minutes, seed, out: values.out };
  } catch {
    return undefined;
  }
}

function readRuns(text: string | undefined): readonly FaultRun[] | undefined {
  if (text === undefined) return allRuns;
  const wanted = text.split(",");
  const known = allRuns.filter(({ id }) => wanted.includes(id));
  return known.length === wanted.length ? known : undefined;
}
