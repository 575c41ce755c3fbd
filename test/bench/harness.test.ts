import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { XMLValidator } from "fast-xml-parser";
import { afterEach, beforeEach, expect, test } from "vitest";
import { reportSchema } from "../../bench/report/report.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..", "..");
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "callseal-bench-test-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const bench = (...args: string[]) =>
  run(process.execPath, [join(root, "bench/main.ts"), ...args, "--out", folder], { cwd: root });

/** Says nothing of how fast anything is: only that every process of these figures starts, works and ends. */
test("a smoke run measures floor, peer and product and writes a report, a table and a plot", {
  timeout: 180_000,
}, async () => {
  const { stdout } = await bench("--smoke", "--only", "P2,P3,P4");
  const report = reportSchema.parse(JSON.parse(await readFile(join(folder, "bench.json"), "utf8")));
  expect(report).toMatchObject({ plan: "smoke", provisional: true });
  expect(report.figures.map(({ id, failure }) => ({ id, failure }))).toEqual([
    { id: "P2", failure: undefined },
    { id: "P3", failure: undefined },
    { id: "P4", failure: undefined },
  ]);
  for (const { rows, goals } of report.figures) {
    expect(rows.length).toBeGreaterThan(1);
    expect(goals.length).toBeGreaterThan(0);
    for (const { value } of goals) expect(Number.isFinite(value)).toBe(true);
  }
  expect(stdout).toContain("## P3 whole verifications per second of CPU");
  expect(await readFile(join(folder, "bench.md"), "utf8")).toContain("PROVISIONAL");
  expect(XMLValidator.validate(await readFile(join(folder, "bench.svg"), "utf8"))).toBe(true);
});

test("a command line that cannot be understood ends with the usage and measures nothing", async () => {
  await expect(bench("--only", "P99")).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining("Usage:") });
});
