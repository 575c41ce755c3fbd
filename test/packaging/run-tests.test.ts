import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { countResults } from "../../tools/run-tests/count-results.ts";
import { SmallCheckout } from "./small-checkout.ts";

const repository = join(import.meta.dirname, "..", "..");
let checkout: SmallCheckout;

beforeEach(async () => {
  checkout = await SmallCheckout.create();
});

afterEach(async () => {
  await checkout.remove();
});

const lastLine = (output: string) => output.trimEnd().split("\n").at(-1);

describe("npm test", () => {
  beforeEach(async () => {
    await rm(join(checkout.root, "node_modules"), { recursive: true });
    await symlink(join(repository, "node_modules"), join(checkout.root, "node_modules"));
    await cp(join(repository, "tsconfig.json"), join(checkout.root, "tsconfig.json"));
    await checkout.write("biome.json", '{ "files": { "includes": ["test/**"] }, "formatter": { "enabled": false } }');
    await checkout.write("vitest.config.ts", 'export default { test: { include: ["test/**/*.test.ts"] } };');
    await checkout.write("client-sdk/tsconfig.json", '{ "extends": "../tsconfig.json", "include": ["src"] }');
    await checkout.write("client-sdk/src/index.ts", "export const answer: number = 42;\n");
    await checkout.write("test/good.test.ts", 'import { test } from "vitest";\n\ntest("passes", () => {});\n');
  });

  const runTests = (...args: string[]) => checkout.run(process.execPath, ["tools/run-tests.ts", ...args]);

  test("[P9] a good run ends with its count alone on a line, and exit code 0", async () => {
    const run = runTests();
    expect(await run.exit).toBe(0);
    expect(lastLine(run.output())).toBe("1 passed, 0 failed");
  });

  test("[P9] every failed step, test, file and unhandled error counts, and every step runs", async () => {
    await checkout.write("client-sdk/src/index.ts", 'export const answer: number = "forty-two";\n');
    await checkout.write(
      "test/bad.test.ts",
      'import { test } from "vitest";\n\ntest("fails", () => {\n  throw new Error("bad");\n});\n',
    );
    await checkout.write("test/broken.test.ts", 'throw new Error("broken");\n');
    await checkout.write(
      "test/unhandled.test.ts",
      'import { test } from "vitest";\n\ntest("leaves a rejection", () => {\n  void Promise.reject(new Error("nobody listens"));\n});\n',
    );
    const run = runTests();
    expect(await run.exit).toBe(1);
    // Types and SDK build, one test, one file, one rejection.
    expect(lastLine(run.output())).toBe("2 passed, 5 failed");
    expect(run.output()).toMatch(/types .*FAILED/);
    expect(run.output()).toMatch(/lint .*ok/);
    expect(run.output()).toMatch(/sdk build .*FAILED/);
    expect(run.output()).toContain("unhandled: nobody listens");
  });

  test("[P9] arguments choose test files, and a choice that matches none fails", async () => {
    await checkout.write("test/bad.test.ts", 'throw new Error("not chosen");\n');
    const chosen = runTests("test/good.test.ts");
    expect(await chosen.exit).toBe(0);
    expect(lastLine(chosen.output())).toBe("1 passed, 0 failed");
    const none = runTests("test/no-such-file");
    expect(await none.exit).toBe(1);
    expect(lastLine(none.output())).toBe("0 passed, 1 failed");
  });

  test("[P9] a run that is interrupted is a failed one and leaves no process", async () => {
    await checkout.write(
      "test/endless.test.ts",
      'import { test } from "vitest";\n\ntest("never ends", async () => {\n  process.stdout.write("waiting\\n");\n  await new Promise(() => undefined);\n}, 60_000);\n',
    );
    const run = runTests("--disable-console-intercept");
    await run.said("waiting");
    run.child.kill("SIGTERM");
    expect(await run.exit).toBe(1);
    expect(lastLine(run.output())).toMatch(/^\d+ passed, [1-9]\d* failed$/);
  });
});

describe("the count", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "callseal-count-"));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  const count = async (report: string | undefined, exitCode: number) => {
    const files = { report: join(folder, "report.json"), unhandled: join(folder, "unhandled.json"), exitCode };
    if (report !== undefined) await writeFile(files.report, report);
    return await countResults(files);
  };
  const good = { numPassedTests: 3, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };

  test("[P9] a failing vitest never has 0 failed", async () => {
    expect(await count(JSON.stringify(good), 1)).toMatchObject({ passed: 3, failed: 1 });
    expect(await count(JSON.stringify(good), 0)).toMatchObject({ passed: 3, failed: 0 });
  });

  test.each([[undefined], [""], ["not JSON"]])(
    "[P9] no report, or %j instead of one, is one failure",
    async (attacker) => {
      expect(await count(attacker, 0)).toMatchObject({ passed: 0, failed: 1 });
    },
  );

  test("[P9] tests that did not run are named", async () => {
    const { notes } = await count(JSON.stringify({ ...good, numPendingTests: 2, numTodoTests: 1 }), 0);
    expect(notes).toEqual(["3 not run"]);
  });
});

describe(".ci/run", () => {
  beforeEach(async () => {
    await mkdir(join(checkout.root, ".ci"));
    await cp(join(repository, ".ci", "run"), join(checkout.root, ".ci", "run"));
    for (const command of ["bash", "dirname", "mktemp", "rm", "tee", "grep", "tail", "cat"])
      await checkout.borrow(command);
  });

  const ci = (...args: string[]) =>
    checkout.run(join(checkout.root, ".ci", "run"), args, { HOME: dirname(checkout.root) });

  test("[P10] it calls npm test without a terminal and repeats nothing when its count is the last line", async () => {
    await checkout.stub("npm", 'echo "npm $* CI=$CI"; cat; echo "3 passed, 0 failed"');
    const run = ci("test/core");
    expect(await run.exit).toBe(0);
    expect(run.output()).toBe("npm test -- test/core CI=true\n3 passed, 0 failed\n");
  });

  test("[P10] the count is the last line also when npm adds its own words, and the exit code is npm's", async () => {
    await checkout.stub("npm", 'echo "3 passed, 1 failed"; echo "npm error Test failed" >&2; exit 4');
    const run = ci();
    expect(await run.exit).toBe(4);
    expect(lastLine(run.output())).toBe("3 passed, 1 failed");
  });

  test("[P10] a machine that could not be prepared has one failure", async () => {
    await checkout.stub("npm", 'echo "callseal: npm ci failed" >&2; exit 1');
    const run = ci();
    expect(await run.exit).toBe(1);
    expect(lastLine(run.output())).toBe("0 passed, 1 failed");
  });
});
