import { readFile } from "node:fs/promises";

export interface Results {
  passed: number;
  /** Never 0 when vitest failed. */
  failed: number;
  /** What the numbers hide, one line each. */
  notes: string[];
}

interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { name: string; status: string; assertionResults: { status: string }[] }[];
}

/** Counts vitest's JSON report; a file that failed as a whole and every unhandled error count as one failure each. */
export async function countResults(files: { report: string; unhandled: string; exitCode: number }): Promise<Results> {
  const report = await readJson<VitestReport>(files.report);
  if (report === undefined) return { passed: 0, failed: 1, notes: ["vitest wrote no report"] };

  const notes: string[] = [];
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((assertion) => assertion.status === "failed"),
  );
  for (const { name } of brokenFiles) notes.push(`failed as a whole: ${name}`);

  const unhandled = (await readJson<string[]>(files.unhandled)) ?? [];
  for (const message of unhandled) notes.push(`unhandled: ${message}`);

  const notRun = report.numPendingTests + report.numTodoTests;
  if (notRun > 0) notes.push(`${notRun} not run`);

  const counted = report.numFailedTests + brokenFiles.length + unhandled.length;
  if (counted === 0 && files.exitCode !== 0) notes.push(`vitest ended with exit code ${files.exitCode}`);
  return {
    passed: report.numPassedTests,
    failed: counted === 0 && files.exitCode !== 0 ? 1 : counted,
    notes,
  };
}

async function readJson<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as T;
  } catch {
    return undefined;
  }
}
