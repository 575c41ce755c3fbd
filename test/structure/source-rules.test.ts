import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { filesBelow, type SourceFile } from "./source-tree.ts";

const source = filesBelow(["core", "server", "worker", "sandbox", "client-sdk/src", "bin"]);
const tools = filesBelow(["tools"], [".ts", ".mjs"]);
const tests = filesBelow(["test", "bench"]);

/** Every line that the pattern matches, as `path:line text`. */
function findLines(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [])),
  );
}

/** Written in two parts, so that this file does not find itself. */
const pattern = (...parts: string[]) => new RegExp(parts.join(""));

/** A test that does not run, runs alone, or runs again until it passes. */
const unevenTest = pattern(
  "\\b(?:test|it|describe|suite)(?:\\.\\w+)*\\.(?:on",
  "ly|sk",
  "ip|to",
  "do|skipIf|runIf|fails)\\b|\\bx(?:it|test|describe)\\(|\\bret",
  "ry:\\s*\\d",
);
const sleepingTest = pattern("set", "Timeout\\(\\s*(?:resolve|done|r)\\b");
const suppression = pattern("@ts-", "(?:ignore|expect-error|nocheck)|biome-", "ignore");
const unfinished = pattern("\\b(?:TO", "DO|FIX", "ME|XX", "X)\\b");

describe("source files", () => {
  test("[P13] none is longer than 300 lines", () => {
    const long = [...source, ...tools].map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }));
    expect(long.filter(({ lines }) => lines > 300)).toEqual([]);
  });

  test("[P13] the environment is read in core/config and by tools and commands, nowhere else", () => {
    const others = source.filter(({ path }) => !path.startsWith("core/config/") && !path.startsWith("bin/"));
    expect(findLines(others, /\bprocess\.env\b/)).toEqual([]);
  });

  test("[P13] names are kebab-case and say what a file does", () => {
    const odd = [...source, ...tools, ...tests]
      .map(({ path }) => path)
      .filter((path) => !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:test|bench|d))?\.(?:ts|mts|mjs)$/.test(basename(path)));
    expect(odd).toEqual([]);
    const vague = source
      .map(({ path }) => path)
      .filter((path) => /\b(?:utils?|helpers?|manager|service|misc)\b/.test(path));
    expect(vague).toEqual([]);
  });

  test("[P13] exports have names", () => {
    expect(findLines(source, /^export default\b/)).toEqual([]);
  });

  test("[P13] nothing is unfinished or silenced", () => {
    expect(findLines([...source, ...tools, ...tests], unfinished)).toEqual([]);
    expect(findLines([...source, ...tools, ...tests], suppression)).toEqual([]);
  });
});

describe("test files", () => {
  test("[P13] every test runs, once, and waits for something that happens", () => {
    expect(findLines(tests, unevenTest)).toEqual([]);
    expect(findLines(tests, sleepingTest)).toEqual([]);
  });
});

describe("the check itself", () => {
  const file = (text: string): SourceFile[] => [{ path: "test/a.test.ts", text }];
  const [only, skip, todo] = ["on|ly", "sk|ip", "to|do"].map((word) => word.replace("|", ""));

  test.each([
    [`test.${only}("x", () => {});`],
    [`describe.concurrent.${skip}("x", () => {});`],
    [`  it.${todo}("x");`],
    [`test.${skip}If(true)("x", () => {});`],
    [`test("x", { ret${""}ry: 3 }, () => {});`],
  ])("it finds %s", (attacker) => {
    expect(findLines(file(attacker), unevenTest)).toHaveLength(1);
  });

  test("it passes what only looks alike", () => {
    const text = `test.each([[1]])("skips nothing", () => { retry: while (false) break retry; });\nsession.${only}Pending();`;
    expect(findLines(file(text), unevenTest)).toEqual([]);
  });

  test("it finds a test that sleeps", () => {
    expect(findLines(file(`await new Promise((resolve) => set${""}Timeout(resolve, 50));`), sleepingTest)).toHaveLength(
      1,
    );
  });
});
