import { parseArgs } from "node:util";
import { describeReport, judge } from "./fuzz-report.ts";
import { runFuzz } from "./run-fuzz.ts";

const usage = `Usage: node test/fuzz/main.ts [--inputs 1000000] [--seed N] [--from K] [--only K]

Sends seeded inputs to every entrance of a gateway and a worker, and leaves with 1 when one of them finds something.

  --inputs N   how many; default 1,000,000
  --seed N     default: drawn, and printed
  --from K     begin at this input
  --only K     send this one alone`;

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "1000000" },
    seed: { type: "string" },
    from: { type: "string", default: "0" },
    only: { type: "string" },
    help: { type: "boolean" },
  },
});
if (values.help) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const from = Number(values.only ?? values.from);
const inputs = values.only === undefined ? Number(values.inputs) : 1;
process.stdout.write(`seed ${seed}: ${inputs} inputs from ${from}\n`);
let told = 0;
const report = await runFuzz({
  seed,
  inputs,
  from,
  onProgress: ({ done, perSecond, findings, stalledMs, busyMs }) => {
    process.stdout.write(
      `${done} of ${inputs}, ${perSecond}/s, ${findings.length} findings, worst delay ${stalledMs} ms, own work ${busyMs} ms\n`,
    );
    for (const { where, index, message } of findings.slice(told))
      process.stdout.write(`  ${where} ${index}: ${message}\n`);
    told = findings.length;
  },
});
process.stdout.write(`${describeReport(report)}\n`);
const faults = judge(report);
for (const [index, fault] of faults.entries()) {
  process.stdout.write(`\n${fault.slice(0, 3000)}\n`);
  const sent = report.findings[index]?.sent;
  if (sent) process.stdout.write(`sent: ${JSON.stringify(sent)}\n`);
}
process.exitCode = faults.length === 0 ? 0 : 1;
