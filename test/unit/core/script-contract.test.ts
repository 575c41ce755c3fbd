import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readScript, type ScriptName, scripts } from "../../../core/redis/scripts.ts";

const folder = new URL("../../../core/redis/scripts/", import.meta.url);
const files = readdirSync(folder)
  .filter((file) => file.endsWith(".lua"))
  .map((file) => file.slice(0, -".lua".length))
  .sort();
const names = Object.keys(scripts) as ScriptName[];

/** The comment block on top, and the code without comments below it. */
function takeApart(name: string) {
  const lines = readScript(name).split("\n");
  const first = lines.findIndex((line) => !line.startsWith("--"));
  const header = lines.slice(0, first).map((line) => line.replace(/^-- ?/, ""));
  const body = lines.slice(first).map((line) => line.replace(/--.*$/, ""));
  const section = (word: string) => header.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1);
  const numbers = (word: string) =>
    header.flatMap((line) => {
      const match = new RegExp(`^${word}\\[(\\d+)(…?)\\]`).exec(line);
      return match ? [{ number: Number(match[1]), rest: match[2] === "…" }] : [];
    });
  return { header, body, section, keys: numbers("KEYS"), args: numbers("ARGV") };
}

/** The lines of one function of the scripts' library. */
function libraryFunction(name: string): string[] {
  const lines = readScript("lib/session").split("\n");
  const first = lines.indexOf(lines.find((line) => line.startsWith(`local function ${name}(`))!);
  return lines.slice(first, lines.indexOf("end", first));
}

function usedNumbers(body: string[], word: "KEYS" | "ARGV"): number[] {
  const found = body.join("\n").matchAll(new RegExp(`#?${word}\\[(\\d+)\\]`, "g"));
  return [...new Set([...found].map((match) => Number(match[1])))].sort((a, b) => a - b);
}

const writes =
  /\b(write|emit|finish|count_in_minute)\(|redis\.call\(\s*"(HSET|HSETNX|HINCRBY|HDEL|SET|DEL|ZADD|ZREM\w*|SADD|SREM|XADD|PEXPIRE|EXPIRE|INCR|DECR)"/;

/** Top-level statements: an `if … end` or `for … end` is one. */
function statements(body: string[]): string[] {
  const found: string[] = [];
  for (const line of body) {
    if (line.trim() === "") continue;
    if (/^(\s|end\b|else|\}|\))/.test(line) && found.length > 0) found[found.length - 1] += `\n${line}`;
    else found.push(line);
  }
  return found;
}

function quoted(text: string): string[] {
  return [...text.matchAll(/"([a-z_]+)"/g)].map((match) => match[1]!);
}

function rejects(line: string, rejections: string[]): boolean {
  return quoted(line).some((word) => rejections.includes(word));
}

describe("the scripts and their registry", () => {
  test("[C1] every script file is registered, and every registered script has a file", () => {
    expect(files).toEqual([...names].sort());
  });
});

describe.each(names)("%s", (name) => {
  const { header, body, section, keys, args } = takeApart(name);

  test("[C1] its header says what it does, returns, publishes and rejects", () => {
    expect(header[0]).toMatch(/^[A-Z].*\.$/);
    for (const word of ["Returns", "Publishes", "Rejects"]) expect(section(word), word).toBeTruthy();
  });

  test("[C1] its header numbers its KEYS and ARGV without a gap, and only the last ARGV may repeat", () => {
    expect(keys.map((key) => key.number)).toEqual(keys.map((_, index) => index + 1));
    expect(args.map((arg) => arg.number)).toEqual(args.map((_, index) => index + 1));
    expect(args.slice(0, -1).some((arg) => arg.rest)).toBe(false);
    expect(keys.some((key) => key.rest)).toBe(false);
  });

  test("[C1] the registry knows as many KEYS as the header", () => {
    expect(scripts[name]).toBe(keys.length);
  });

  test("[C1] its body uses every KEYS and ARGV of the header and no other", () => {
    expect(usedNumbers(body, "KEYS")).toEqual(keys.map((key) => key.number));
    const loops = [...body.join("\n").matchAll(/for i = (\d+), #ARGV/g)].map((match) => Number(match[1]));
    const rest = args.filter((arg) => arg.rest).map((arg) => arg.number);
    expect(loops).toEqual(rest);
    expect(usedNumbers(body, "ARGV")).toEqual(args.filter((arg) => !arg.rest).map((arg) => arg.number));
    // ARGV[i] is the loop's; another computed index would be one that the header does not name.
    expect(body.join("\n")).not.toMatch(/(KEYS|ARGV)\[(?!\d+\]|i\]|i \+ 1\])/);
  });

  test("[C1] its body answers each rejection of the header, and its answers are all in the header", () => {
    // What a function of the library refuses is refused by whoever calls it.
    const called = /\blook_at_device\(/.test(body.join("\n")) ? libraryFunction("look_at_device") : [];
    const answers = [...body, ...called].filter((line) => /\breturn\b/.test(line));
    const given = new Set(answers.flatMap((line) => quoted(line.replace(/finish\(.*$/, ""))));
    const rejections = section("Rejects")!.split(/, /);
    const promised = new Set([...quoted(section("Returns")!), ...rejections]);
    for (const outcome of given) expect(promised, outcome).toContain(outcome);
    if (rejections[0] !== "nothing") for (const code of rejections) expect(given, code).toContain(code);
  });

  test("[C2] it writes nothing before its last guard, except in a branch that returns", () => {
    const parts = statements(body);
    const rejections = section("Rejects")!.split(/, /);
    const returns = (part: string) => /^if [\s\S]*\breturn\b/.test(part);
    // What answers a rejection, and what returns without having written anything. A script that rejects nothing has none.
    const isGuard = (part: string) =>
      section("Rejects") !== "nothing" &&
      returns(part) &&
      (!writes.test(part) || part.split("\n").some((line) => /\breturn\b/.test(line) && rejects(line, rejections)));
    const lastGuard = parts.findLastIndex(isGuard);
    for (const part of parts.slice(0, Math.max(lastGuard, 0))) {
      if (returns(part)) {
        // A branch that returns may write, since no guard follows there.
        const lines = part.split("\n");
        const lastWrite = lines.findLastIndex((line) => writes.test(line));
        const lastReturn = lines.findLastIndex((line) => /\breturn\b/.test(line));
        expect(lastWrite, part).toBeLessThanOrEqual(lastReturn);
      } else expect(part, "a write before a guard").not.toMatch(writes);
    }
  });

  test("[C2] it publishes exactly when its header says so", () => {
    const publishes = /\bfinish\(|PUBLISH/.test(body.join("\n"));
    expect(publishes).toBe(section("Publishes") !== "nothing");
  });

  test("[C2] it takes the time from the one clock of the library", () => {
    expect(body.join("\n")).not.toMatch(/"TIME"/);
  });
});
