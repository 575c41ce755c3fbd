import type { Goal, Row } from "../figure.ts";
import { formatNumber, formatValue } from "./format-number.ts";
import type { Report } from "./report.ts";

/** The report as Markdown, for a terminal and for docs/PERFORMANCE.md alike. */
export function writeTable(report: Report): string {
  const { machine, plan, seconds } = report;
  const head = [
    `Callseal bench, plan ${plan}, ${report.startedAt}, ${Math.round(seconds)} s`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}, ${machine.redis}; load before ${formatNumber(machine.loadBefore)}`,
    ...(report.provisional
      ? ["PROVISIONAL: others were using the machine, or the plan was smoke. Nothing here is to be quoted."]
      : []),
  ];
  return [...head, ...report.figures.map(writeFigure)].join("\n\n");
}

function writeFigure({ id, title, rows, goals, notes, othersShare, failure }: Report["figures"][number]): string {
  const lines = [`## ${id} ${title}`, ""];
  if (failure !== undefined) return [...lines, `not measured: ${failure}`].join("\n");
  lines.push(
    "| | p50 or value | p95 | p99 | spread of the rounds | rounds × samples |",
    "|---|---|---|---|---|---|",
    ...rows.map(writeRow),
    "",
  );
  if (goals.length > 0)
    lines.push("| ratio | measured | spread | goal | |", "|---|---|---|---|---|", ...goals.map(writeGoal), "");
  const others = `Others used ${formatNumber(othersShare * 100)} % of the machine meanwhile.`;
  return [...lines, ...[...notes, others].map((note) => `- ${note}`)].join("\n");
}

function writeRow(row: Row): string {
  const percentile = (value: number | undefined) => (value === undefined ? "" : formatValue(value, row.unit));
  const spread = row.rounds === 1 ? "" : `${formatNumber(row.spread.least)}–${formatNumber(row.spread.most)}`;
  return `| ${row.name} | ${formatValue(row.value, row.unit)} | ${percentile(row.p95)} | ${percentile(row.p99)} | ${spread} | ${row.rounds} × ${Math.round(row.samples / row.rounds)} |`;
}

function writeGoal(goal: Goal): string {
  const spread = `${formatNumber(goal.spread.least)}–${formatNumber(goal.spread.most)}`;
  return `| ${goal.name} | ${formatNumber(goal.value)} | ${spread} | ${goal.bound} ${goal.goal} | ${goal.met ? "met" : "NOT MET"} |`;
}
