import { isBuiltin } from "node:module";
import { describe, expect, test } from "vitest";
import { findCycles, findForbiddenImports, type ImportRule } from "./import-rules.ts";
import { filesBelow, type Import, importsOf, readManifest } from "./source-tree.ts";

const folders = ["core", "server", "worker", "sandbox", "client-sdk/src", "bin", "tools"];
const imports = filesBelow(folders).flatMap(importsOf);

const names = (list: Record<string, string> | undefined) => new Set(Object.keys(list ?? {}));
const root = readManifest("package.json");
const shipped = names(root.dependencies);
const installed = new Set([...shipped, ...names(root.devDependencies), "@callseal/client-sdk"]);
const sdk = names(readManifest("client-sdk/package.json").dependencies);

const among = (packages: ReadonlySet<string>, ...never: string[]) => {
  return (name: string) => isBuiltin(name) || (packages.has(name) && !never.includes(name));
};

/** The first rule that fits a file holds. */
const rules: ImportRule[] = [
  // The domain: no transport, no store, no framework. It draws its numbers from the CSPRNG of Node.
  { folder: "core/verification", mayUse: [], mayUsePackage: (name) => name === "node:crypto" },
  { folder: "core", mayUse: [], mayUsePackage: among(shipped, "express", "socket.io", "twilio") },
  { folder: "server", mayUse: ["core"], mayUsePackage: among(shipped) },
  { folder: "worker", mayUse: ["core"], mayUsePackage: among(shipped, "express", "socket.io") },
  { folder: "sandbox", mayUse: [], mayUsePackage: among(installed, "twilio", "bullmq", "ioredis") },
  { folder: "client-sdk/src", mayUse: [], mayUsePackage: among(sdk) },
  { folder: "bin", mayUse: ["core", "server", "worker", "sandbox", "client-sdk/src"], mayUsePackage: among(installed) },
  { folder: "tools", mayUse: ["core", "server"], mayUsePackage: among(installed) },
];

describe("imports", () => {
  test("[P12] they point one way, and name no package that package.json does not declare", () => {
    expect(findForbiddenImports(imports, rules)).toEqual([]);
  });

  test("[P12] there are no cycles", () => {
    expect(findCycles(imports)).toEqual([]);
  });

  test("[P12] every imported file exists", () => {
    const files = new Set(filesBelow(folders, [".ts", ".mts", ".mjs", ".json"]).map(({ path }) => path));
    const missing = imports.filter(
      ({ path }) => path !== undefined && !files.has(path) && !path.endsWith("package.json"),
    );
    expect(missing.map(({ from, path }) => `${from} imports ${path}`)).toEqual([]);
  });
});

describe("the check itself", () => {
  const file = (from: string, path: string): Import => ({ from, path, package: undefined });
  const pack = (from: string, name: string): Import => ({ from, path: undefined, package: name });

  test.each([
    [file("worker/main.ts", "server/app.ts")],
    [file("core/redis/keys.ts", "server/app.ts")],
    [file("core/verification/session.ts", "core/redis/keys.ts")],
    [pack("core/verification/session.ts", "zod")],
    [pack("core/redis/keys.ts", "express")],
    [pack("server/app.ts", "left-pad")],
    [pack("server/app.ts", "vitest")],
    [file("sandbox/main.ts", "core/config/config.ts")],
    [file("client-sdk/src/ivr/index.ts", "core/verification/errors.ts")],
    [pack("client-sdk/src/ivr/index.ts", "express")],
    [file("server/app.ts", "server-side/app.ts")],
  ])("it refuses %j", (attacker) => {
    expect(findForbiddenImports([attacker], rules)).toHaveLength(1);
  });

  test("it sees imports over several lines, re-exports, bare, dynamic and type imports", () => {
    const text = `
import type { A } from "./a.ts";
import {
  b,
  c,
} from "../b.ts";
export * from "./c.ts";
export { d } from "@scope/d/deep";
import "node:fs";
const e = await import("./e.ts");
const notOne = 'from "./f.ts"';
`;
    expect(importsOf({ path: "core/x/y.ts", text }).map((one) => one.path ?? one.package)).toEqual([
      "core/x/a.ts",
      "core/b.ts",
      "core/x/c.ts",
      "@scope/d",
      "node:fs",
      "core/x/e.ts",
    ]);
  });

  test("it finds a cycle once, also one that is not where it began", () => {
    const graph = [file("a", "b"), file("b", "c"), file("c", "b"), file("d", "a")];
    expect(findCycles(graph)).toEqual(["b -> c -> b"]);
    expect(findCycles([file("a", "b"), file("a", "c"), file("b", "d"), file("c", "d")])).toEqual([]);
  });
});
