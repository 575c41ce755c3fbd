import { join } from "node:path";
import type { Figure, FigureContext } from "./figure.ts";
import { allFigures } from "./figures/all-figures.ts";
import type { BenchOptions } from "./read-options.ts";
import { describeMachine } from "./report/describe-machine.ts";
import type { Report } from "./report/report.ts";
import { quietShare, waitForQuiet, watchOthers } from "./stack/machine-time.ts";

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
    provisional: options.plan.name === "smoke" || figures.some(({ othersShare }) => othersShare > quietShare),
    machine,
    figures,
  };
}

async function runFigure(
  figure: Figure,
  { plan, profile, out, patienceSeconds }: BenchOptions,
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
  if (patienceSeconds > 0 && !(await waitForQuiet(patienceSeconds)))
    context.progress("the machine did not become quiet");
  const others = watchOthers();
  let measured: Pick<Report["figures"][number], "rows" | "goals" | "notes" | "failure">;
  try {
    measured = await figure.measure(context);
  } catch (error) {
    const failure = (error as Error).stack ?? String(error);
    context.progress(`failed: ${failure}`);
    measured = { rows: [], goals: [], notes: [], failure: failure.split("\n")[0]! };
  }
  for (const close of closers.reverse()) {
    await Promise.resolve(close()).catch((error: Error) => context.progress(`closing: ${error.message}`));
  }
  return { id, title, othersShare: others(), ...measured };
}
