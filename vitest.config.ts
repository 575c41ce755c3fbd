import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

/**
 * Folders whose tests open no socket, start no process and share no state: one worker runs them all, without isolation.
 * Every other test file is an integration test in a process of its own. CONTRIBUTING.md says how to choose.
 */
const unitTests = ["test/unit/**/*.test.ts", "test/structure/**/*.test.ts"];

if (Number.parseInt(process.versions.node, 10) < 24) {
  throw new Error(
    `The tests need Node 24 and this is ${process.version}: use "npm test -- <file>" or "npx --no-install vitest run <file>".`,
  );
}

const limits = { testTimeout: 20_000, hookTimeout: 30_000, teardownTimeout: 10_000 };

export default defineConfig({
  test: {
    reporters: ["default"],
    // An integration test is several processes with a Redis, and much of its time it waits for one of them: with three at
    // once two cores are busy, with more they starve each other.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    experimental: { diagnostics: false },
    projects: [
      {
        test: { name: "unit", include: unitTests, pool: "forks", isolate: false, ...limits },
      },
      {
        test: {
          name: "integration",
          include: ["test/**/*.test.ts"],
          exclude: unitTests,
          pool: "forks",
          isolate: true,
          globalSetup: ["test/packaging/require-redis.ts"],
          ...limits,
        },
      },
    ],
  },
});
