import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { configSchema } from "../../core/config/config.ts";
import { describeEnvironment } from "../../tools/write-env-example.ts";
import { filesBelow, readManifest, readText, repository } from "./source-tree.ts";

const pages = [
  ...["SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md"].map((path) => ({ path, text: readText(path) })),
  ...filesBelow(["docs"], [".md"]),
  ...["README.md"].filter((path) => existsSync(join(repository, path))).map((path) => ({ path, text: readText(path) })),
];
const { scripts } = readManifest("package.json");

describe("documents", () => {
  test("[P16] .env.example is what the schema says today", () => {
    expect(readText(".env.example")).toBe(describeEnvironment());
  });

  test("[P16] every npm command that a page shows exists", () => {
    const shown = pages.flatMap(({ path, text }) => [
      ...[...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => ({ path, name: name! })),
      ...[...text.matchAll(/\bnpm (test|start)\b/g)].map(([, name]) => ({ path, name: name! })),
    ]);
    expect(shown.filter(({ name }) => scripts[name] === undefined)).toEqual([]);
  });

  test("[P16] every setting that a page names exists", () => {
    const settings = new Set(Object.keys(configSchema.shape));
    const named = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\bCALLSEAL_[A-Z_]+\b/g)].map(([name]) => ({ path, name })),
    );
    expect(named.filter(({ name }) => !settings.has(name))).toEqual([]);
  });

  test("[P16] every link to a file of this repository leads to one", () => {
    const links = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)].map(([, target]) => ({
        path,
        target: join(path, "..", target!),
      })),
    );
    expect(links.filter(({ target }) => !existsSync(join(repository, target)))).toEqual([]);
  });

  test("[P16] nothing is called phishing-resistant", () => {
    for (const { path, text } of pages) {
      const claims = text.match(/[^.\n]*phishing[- ]resistan[^.\n]*/gi) ?? [];
      expect(
        claims.filter((claim) => !/\b(?:not|never|nothing|none|no)\b/i.test(claim)),
        path,
      ).toEqual([]);
    }
  });

  test("[P16] the licence is Apache-2.0, here and in the SDK", () => {
    expect(readText("LICENSE")).toContain("Apache License\n                           Version 2.0, January 2004");
    for (const manifest of ["package.json", "client-sdk/package.json"]) {
      expect(JSON.parse(readText(manifest))).toMatchObject({ license: "Apache-2.0" });
    }
  });
});

describe("workflow", () => {
  interface Workflow {
    permissions: Record<string, string>;
    jobs: Record<string, { "timeout-minutes": number; steps: { uses?: string; run?: string }[] }>;
  }
  const workflow = parse(readText(".github/workflows/ci.yml")) as Workflow;

  test("[P10] CI calls .ci/run and the demo, may only read, and has a time limit", () => {
    expect(workflow.permissions).toEqual({ contents: "read" });
    const jobs = Object.values(workflow.jobs);
    for (const job of jobs) expect(job["timeout-minutes"]).toBeLessThanOrEqual(15);
    const commands = jobs.flatMap(({ steps }) => steps.map(({ run }) => run));
    expect(commands).toContain(".ci/run");
    expect(commands).toContain("npm run demo -- --once");
  });
});

describe("npm scripts", () => {
  test("[P5] they go through the bootstrap, which knows each of them", () => {
    const bootstrap = readText("tools/bootstrap.mjs");
    for (const name of ["demo", "test", "start", "start:gateway", "start:worker", "sandbox", "bench", "fault"]) {
      expect(scripts[name]).toBe(`exec node tools/bootstrap.mjs ${name}`);
      const entry = new RegExp(`^  "?${name}"?: \\{ entry: "([^"]+)"`, "m").exec(bootstrap)?.[1];
      expect(existsSync(join(repository, entry!)), entry).toBe(true);
    }
  });
});
