import { describe, expect, test } from "vitest";
import { filesBelow, importsOf, readManifest, readText } from "./source-tree.ts";

const root = readManifest("package.json");
const sdk = readManifest("client-sdk/package.json");
const named = [root.dependencies, root.devDependencies, root.optionalDependencies].flatMap((list) =>
  Object.entries(list ?? {}),
);
const page = readText("docs/DEPENDENCIES.md");

interface Row {
  name: string;
  licence: string;
}

const rows: Row[] = [...page.matchAll(/^\| `([^`]+)` \| ([^|]+) \|/gm)].map(([, name, licence]) => ({
  name: name!,
  licence: licence!.trim(),
}));

interface LockEntry {
  version?: string;
  license?: string;
  dev?: boolean;
  link?: boolean;
  hasInstallScript?: boolean;
}

const locked = Object.entries(
  (JSON.parse(readText("package-lock.json")) as { packages: Record<string, LockEntry> }).packages,
)
  .filter(([path, entry]) => path.includes("node_modules/") && !entry.link)
  .map(([path, entry]) => ({ name: path.split("node_modules/").at(-1)!, ...entry }));

describe("dependencies", () => {
  test("[P15] docs/DEPENDENCIES.md has one line for each, and for nothing else", () => {
    expect(rows.map(({ name }) => name).sort()).toEqual(named.map(([name]) => name).sort());
    for (const name of Object.keys(sdk.dependencies ?? {})) expect(page).toContain(`\`${name}\``);
  });

  test("[P15] the licence in the table is the licence in the lock", () => {
    for (const { name, licence } of rows) {
      const entry = locked.find((one) => one.name === name);
      expect({ name, licence: entry?.license?.replaceAll(/[()]/g, "") }).toEqual({ name, licence });
    }
  });

  test("[P15] versions are exact, and the lock has them", () => {
    for (const [name, version] of [...named, ...Object.entries(sdk.dependencies ?? {})]) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
      expect(
        locked.filter((one) => one.name === name).map((one) => one.version),
        name,
      ).toContain(version);
    }
  });

  test("[P15] everything that is shipped has an accepted licence", () => {
    const accepted = /Accepted in what is shipped: (.+)\.$/m.exec(page)![1]!.split(", ");
    const others = locked.filter(
      ({ dev, name, license }) =>
        !dev && !page.includes(`\`${name}\` (below`) && !(license !== undefined && accepted.includes(license)),
    );
    expect(others.map(({ name, license }) => `${name}: ${license}`)).toEqual([]);
  });

  test("[P15] no package runs a script when it is installed, unless package.json decided about it", () => {
    const { allowScripts } = JSON.parse(readText("package.json")) as { allowScripts: Record<string, boolean> };
    const undecided = locked.filter(
      ({ hasInstallScript, name }) => hasInstallScript && allowScripts[name] === undefined,
    );
    // fsevents exists on macOS only, below vite.
    expect(undecided.map(({ name }) => name).filter((name) => name !== "fsevents")).toEqual([]);
  });

  test("[P15] what production depends on, production imports", () => {
    const used = new Set(
      filesBelow(["core", "server", "worker"])
        .flatMap(importsOf)
        .map((one) => one.package),
    );
    const unused = Object.keys(root.dependencies ?? {}).filter((name) => !used.has(name));
    expect(unused).toEqual([]);
  });
});
