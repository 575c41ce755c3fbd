import { parseArgs } from "node:util";
import { type FigureId, figureIds } from "./figure.ts";
import { type Plan, plans } from "./plan.ts";

export interface BenchOptions {
  help: boolean;
  plan: Plan;
  only: readonly FigureId[];
  /** Folder for bench.json and bench.svg. */
  out: string;
  /** CPU profiles of gateways and workers, and their flame graphs, are written beside the report. */
  profile: boolean;
  /** How long each figure waits for the machine to be quiet. */
  patienceSeconds: number;
}

export const usage = `Usage: npm run bench -- [options]

Measures Callseal against a floor of bare parts and against a peer, on this machine, in one run.

  --quick          two to three minutes instead of ten to twelve; the spread is larger
  --smoke          seconds: only shows that the harness works, its figures mean nothing
  --only P1,P5     these figures alone (P1 to P11)
  --sockets <n>    how many sockets P4 opens, over as many processes as that takes (default 10000, --quick 1500)
  --out <folder>   where bench.json and bench.svg are written (default .data/bench)
  --patience <s>   wait so long, before each figure, for the machine to be quiet (default 0)
  --profile        also takes CPU profiles, flame graphs and (P4) heap snapshots; slows what is measured
  --help           this text

Let the machine be idle: nothing else should run on it. docs/PERFORMANCE.md says what each figure is.`;

/** Reads the command line; undefined when it cannot be understood. */
export function readOptions(args: string[]): BenchOptions | undefined {
  try {
    const { values } = parseArgs({
      args,
      options: {
        quick: { type: "boolean", default: false },
        smoke: { type: "boolean", default: false },
        only: { type: "string" },
        sockets: { type: "string" },
        out: { type: "string", default: ".data/bench" },
        patience: { type: "string", default: "0" },
        profile: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    const only = readFigures(values.only);
    if (only === undefined || (values.quick && values.smoke) || !/^\d{1,5}$/.test(values.patience)) return undefined;
    if (values.sockets !== undefined && !/^[1-9]\d{0,6}$/.test(values.sockets)) return undefined;
    const { help, out, profile } = values;
    return { help, plan: choosePlan(values), only, out, profile, patienceSeconds: Number(values.patience) };
  } catch {
    return undefined;
  }
}

function choosePlan(chosen: { quick: boolean; smoke: boolean; sockets?: string | undefined }): Plan {
  const plan = chosen.smoke ? plans.smoke : chosen.quick ? plans.quick : plans.full;
  if (chosen.sockets === undefined) return plan;
  return { ...plan, sockets: { ...plan.sockets, count: Number(chosen.sockets) } };
}

function readFigures(text: string | undefined): readonly FigureId[] | undefined {
  if (text === undefined) return figureIds;
  const wanted = text.toUpperCase().split(",");
  const known = figureIds.filter((id) => wanted.includes(id));
  return known.length === wanted.length ? known : undefined;
}
