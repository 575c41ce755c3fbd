import type { FaultReport } from "./fault-run.ts";

/** The reports as a Markdown table. */
export function writeTable(reports: readonly FaultReport[]): string {
  const rows = reports.map(({ title, seconds, happened, seen, violations }) => {
    const verdict = violations.length === 0 ? "every promise kept" : `**${violations.length} broken**`;
    return `| ${[title, `${happened.join(", ")}; ${seconds} s`, seen.join("<br>"), verdict].join(" | ")} |`;
  });
  return ["| run | what happened | what was seen | verdict |", "|---|---|---|---|", ...rows].join("\n");
}
