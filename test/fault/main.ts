import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FaultReport } from "./fault-run.ts";
import { readOptions, usage } from "./read-options.ts";
import { writeTable } from "./write-table.ts";

/** `npm run fault`: breaks a deployment in every way, and writes what came of it as JSON and Markdown. */
const options = readOptions(process.argv.slice(2));
if (options === undefined || options.help) {
  process[options === undefined ? "stderr" : "stdout"].write(`${usage}\n`);
  process.exit(options === undefined ? 2 : 0);
}

const print = (line: string): boolean => process.stdout.write(`${line}\n`);
const { runs, out, ...plan } = options;
const reports: FaultReport[] = [];
await mkdir(out, { recursive: true });
for (const { title, run } of runs) {
  print(title);
  const report = await run({ ...plan, print });
  reports.push(report);
  for (const line of [...report.happened, ...report.seen]) print(`  ${line}`);
  for (const violation of report.violations) print(`  BROKEN ${violation}`);
  // After each one: a long evening's figures survive the run that fails.
  await writeFile(join(out, "fault.json"), `${JSON.stringify({ ...plan, reports }, null, 2)}\n`);
  await writeFile(join(out, "fault.md"), `${writeTable(reports)}\n`);
}
print(`\n${writeTable(reports)}\n\nwrote ${join(out, "fault.json")} and ${join(out, "fault.md")}`);
process.exit(reports.some(({ violations }) => violations.length > 0) ? 1 : 0);
