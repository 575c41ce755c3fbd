import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readOptions, usage } from "./read-options.ts";
import { drawFlameGraphs } from "./report/draw-flame-graphs.ts";
import { drawPlot } from "./report/draw-plot.ts";
import { writeTable } from "./report/write-table.ts";
import { runFigures } from "./run-figures.ts";

/** `npm run bench`: measures, prints a table, and writes it as JSON, Markdown and SVG. */
const options = readOptions(process.argv.slice(2));
if (options === undefined || options.help) {
  process[options === undefined ? "stderr" : "stdout"].write(`${usage}\n`);
  process.exit(options === undefined ? 2 : 0);
}

const print = (line: string): boolean => process.stdout.write(`${line}\n`);
const report = await runFigures(options, print);
const table = writeTable(report);
print(`\n${table}\n`);

await mkdir(options.out, { recursive: true });
const files = {
  "bench.json": `${JSON.stringify(report, null, 2)}\n`,
  "bench.md": `${table}\n`,
  "bench.svg": drawPlot(report),
};
for (const [name, content] of Object.entries(files)) {
  await writeFile(join(options.out, name), content);
  print(`wrote ${join(options.out, name)}`);
}
if (options.profile) for (const file of await drawFlameGraphs(options.out)) print(`wrote ${file}`);
process.exit(report.figures.some(({ failure }) => failure !== undefined) ? 1 : 0);
