import { join } from "node:path";
import type { Figure, FigureContext } from "./figure.ts";
import { allFigures } from "./figures/all-figures.ts";
import type { BenchOptions } from "./read-options.ts";
import { describeMachine } from "./report/describe-machine.ts";
import type { Report } from "./report/report.ts";

/** A machine that is busier than this before the first figure gives none to be quoted. */
const quietLoad = 0.7;

/** Measures one figure after another; one that fails says why, and the others go on. */
export async function runFigures(options: BenchOptions, print: (line: string) => void): Promise<Report> {
  const startedAt = new Date();
  const machine = describeMachine();
  const wanted = allFigures.filter(({ id }) => options.only.includes(id));
  const figures: Report["figures"] = [];
  for (const figure of wanted) figures.push(await runFigure(figure, options, print));
  return {
    version: 1,
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    plan: options.plan.name,
    provisional: options.plan.name === "smoke" || machine.loadBefore > quietLoad,
    machine,
    figures,
  };
}

async function runFigure(
  figure: Figure,
  { plan, profile, out }: BenchOptions,
  print: (line: string) => void,
): Promise<Report["figures"][number]> {
  const { id, title } = figure;
  const startedAt = performance.now();
  const elapsed = () => `${Math.round((performance.now() - startedAt) / 1000)}`.padStart(3);
  const closers: (() => Promise<unknown> | unknown)[] = [];
  const context: FigureContext = {
    plan,
    profiles: profile ? join(out, `profiles-${id.toLowerCase()}`) : undefined,
    progress: (text) => print(`${id.padEnd(3)} ${elapsed()} s  ${text}`),
    closeAfter: (close) => void closers.push(close),
  };
  try {
    return { id, title, ...(await figure.measure(context)) };
  } catch (error) {
    const failure = (error as Error).stack ?? String(error);
    context.progress(`failed: ${failure}`);
    return { id, title, rows: [], goals: [], notes: [], failure: failure.split("\n")[0]! };
  } finally {
    for (const close of closers.reverse()) {
      await Promise.resolve(close()).catch((error: Error) => context.progress(`closing: ${error.message}`));
    }
  }
}
