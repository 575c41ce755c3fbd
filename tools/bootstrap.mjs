#!/usr/bin/env node
// The first code that runs on a fresh machine: plain JavaScript without dependencies, for Node 18 and later.
// It brings what is missing, then runs the real entry with Node 24 and passes signals and the exit code through.
// package.json calls it by `exec`: npm signals the shell that it starts, and a shell in between would keep them to itself.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureModules, requireModules } from "./bootstrap/ensure-modules.mjs";
import { ensureRedis } from "./bootstrap/ensure-redis.mjs";
import { findNode } from "./bootstrap/find-node.mjs";
import { runEntry } from "./bootstrap/run-entry.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** `install`: completes node_modules and finds or installs Redis. The production entries must start at once. */
const tasks = {
  demo: { entry: "bin/demo.ts", install: true, redis: () => true },
  test: { entry: "tools/run-tests.ts", install: true, redis: () => true },
  start: { entry: "bin/start.ts", install: true, redis: () => !process.env.REDIS_URL },
  build: { entry: "tools/build.ts", install: true, redis: () => false },
  bench: { entry: "bench/main.ts", install: true, redis: () => true },
  fault: { entry: "test/fault/main.ts", install: true, redis: () => true },
  sandbox: { entry: "sandbox/main.ts", install: true, redis: () => false },
  "start:gateway": { entry: "server/main.ts", install: false, redis: () => false },
  callseal: { entry: "bin/callseal.ts", install: false, redis: () => false },
  "start:worker": { entry: "worker/main.ts", install: false, redis: () => false },
};

async function bootstrap([name, ...args]) {
  const task = Object.hasOwn(tasks, name ?? "") ? tasks[name] : undefined;
  if (task === undefined) throw new Error(`Usage: node tools/bootstrap.mjs ${Object.keys(tasks).join(" | ")}`);
  if (process.platform === "win32") throw new Error("Redis does not run on Windows: use WSL.");

  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  if (task.redis()) ensureRedis(root, name);
  await (task.install ? ensureModules(root) : requireModules(root));
  const node = findNode(root, engines.node);
  return await runEntry({ root, node, entry: task.entry, args });
}

try {
  process.exitCode = await bootstrap(process.argv.slice(2));
} catch (error) {
  console.error(`callseal: ${error.message}`);
  process.exitCode = 1;
}
