import { rm } from "node:fs/promises";
import { join } from "node:path";
import { countResults } from "./run-tests/count-results.ts";
import { runStep, type Step, type StepOutcome } from "./run-tests/run-step.ts";

/**
 * `npm test [-- vitest arguments]`: types, lint, SDK build, then every test on real Redis. All steps run, whatever fails,
 * and the last line is `N passed, N failed`: tests as vitest's own report counts them, every other failure as one more.
 */
const root = join(import.meta.dirname, "..");
const report = join(root, ".vitest", "report.json");
const unhandled = join(root, ".vitest", "unhandled-errors.json");

const checks: Step[] = [
  { name: "types", tool: "tsc", args: ["--noEmit"], timeoutMs: 60_000 },
  { name: "lint", tool: "biome", args: ["check", "."], timeoutMs: 60_000 },
  { name: "sdk build", tool: "tsc", args: ["-p", "client-sdk/tsconfig.json"], timeoutMs: 60_000 },
];

const vitest: Step = {
  name: "tests",
  tool: "vitest",
  args: [
    "run",
    "--reporter=default",
    "--reporter=json",
    "--reporter=./tools/run-tests/unhandled-error-reporter.ts",
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  // Under ten minutes on a quiet machine; a busy one gets its time, and a test that hangs is still ended.
  timeoutMs: 1_800_000,
};

await Promise.all([report, unhandled].map((file) => rm(file, { force: true })));
const outcomes: StepOutcome[] = [];
for (const step of [...checks, vitest]) {
  if (outcomes.some((outcome) => outcome.interrupted)) break;
  outcomes.push(await runStep(root, step));
}
const testsExitCode = outcomes.find((outcome) => outcome.name === vitest.name)?.exitCode ?? 1;
const results = await countResults({ report, unhandled, exitCode: testsExitCode });
const failedChecks = outcomes.filter((outcome) => outcome.name !== vitest.name && outcome.exitCode !== 0).length;
const failed = failedChecks + results.failed;

const summary = outcomes.map(({ name, exitCode, durationMs }) => {
  const verdict = exitCode === 0 ? "ok" : `FAILED (exit code ${exitCode})`;
  return `  ${name.padEnd(10)} ${`${(durationMs / 1000).toFixed(1)} s`.padStart(8)}  ${verdict}`;
});
console.log(["", ...summary, ...results.notes.map((note) => `  ${note}`)].join("\n"));
console.log(`${results.passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
