import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { findOnPath } from "./find-on-path.mjs";

/**
 * One line per package manager: how it is recognised, what it runs, what a person would type instead.
 * `alone` needs no root. Only Debian's packages start a service; its script sees to that.
 */
const managers = [
  {
    name: "apt-get",
    command: (root) => ["sh", join(root, "tools", "bootstrap", "install-redis-debian.sh"), "/usr/sbin/policy-rc.d"],
    type: "sudo apt-get update && sudo apt-get install -y redis-server",
  },
  {
    name: "dnf",
    command: () => shell("dnf install -y valkey || dnf install -y redis"),
    type: "sudo dnf install valkey",
  },
  { name: "apk", command: () => shell("apk add redis || apk add valkey"), type: "sudo apk add redis" },
  {
    name: "pacman",
    command: () => shell("pacman -S --noconfirm --needed valkey || pacman -Sy --noconfirm --needed valkey"),
    type: "sudo pacman -S valkey",
  },
  { name: "brew", alone: true, command: () => ["brew", "install", "redis"], type: "brew install redis" },
];

/** Finds a Redis server binary on PATH or installs one; says exactly what to type where neither works. */
export function ensureRedis(root, task) {
  if (hasRedis()) return;
  const manager = managers.find(({ name }) => findOnPath(name) !== undefined);
  if (manager === undefined) {
    throw new Error(`redis-server is not on PATH. Install Redis or Valkey, then: npm run ${task}`);
  }
  const advice = `type: ${manager.type}   and then again: npm run ${task}`;
  const prefix = manager.alone ? [] : asRoot();
  if (prefix === undefined) {
    throw new Error(`redis-server is not on PATH, and installing it needs root; ${advice}`);
  }

  console.error(`callseal: redis-server is not on PATH; installing it with ${manager.name}`);
  const [command, ...args] = [...prefix, ...manager.command(root)];
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (error || status !== 0) {
    throw new Error(
      `${manager.name} could not install redis-server (${error?.message ?? `exit code ${status}`}); ${advice}`,
    );
  }
  if (!hasRedis()) throw new Error(`${manager.name} ended well, and still there is no redis-server on PATH; ${advice}`);
}

function hasRedis() {
  return findOnPath("redis-server") !== undefined || findOnPath("valkey-server") !== undefined;
}

/** What to put before a command so that root runs it; nothing when a password would have to be asked for. */
function asRoot() {
  if (process.getuid() === 0) return [];
  const { status } = spawnSync("sudo", ["-n", "true"], { stdio: "ignore" });
  return status === 0 ? ["sudo", "-n"] : undefined;
}

function shell(line) {
  return ["sh", "-c", line];
}
