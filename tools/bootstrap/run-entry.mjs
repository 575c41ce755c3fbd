import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { systemPath } from "./ensure-modules.mjs";

/** Runs `entry` with `node`, passes signals on, and returns its exit code (128 + number for a signal). */
export async function runEntry({ root, node, entry, args }) {
  if (!existsSync(join(root, entry))) throw new Error(`${entry} is missing from this checkout.`);
  const [command, ...rest] = [...leash(), node, join(root, entry), ...args];
  const child = spawn(command, rest, {
    cwd: root,
    stdio: "inherit",
    // A process group of its own: the terminal, npm and we would each deliver the same Ctrl-C.
    detached: true,
    env: {
      // Compiled code is kept between starts: a third less CPU until an entry is ready.
      NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "compile"),
      ...process.env,
      PATH: [join(root, "node_modules", ".bin"), systemPath()].join(delimiter),
    },
  });
  const stop = forwardSignals(child);
  const unwatch = watchNpm(child);
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", (error) => reject(new Error(`${node} could not be run: ${error.message}`)));
      child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
    });
  } finally {
    stop();
    unwatch();
    if (child.pid !== undefined) sweep(child.pid);
  }
}

/** The kernel asks the entry to stop when we are killed; BusyBox' setpriv cannot, and then nothing is used. */
function leash() {
  const words = ["setpriv", "--pdeathsig", "TERM", "--"];
  return spawnSync(words[0], [...words.slice(1), "true"], { stdio: "ignore" }).status === 0 ? words : [];
}

function forwardSignals(child) {
  const last = new Map();
  const forward = (signal) => {
    // npm and the terminal both send it; a second one on purpose comes later than that.
    const now = Date.now();
    if (now - (last.get(signal) ?? 0) < 500) return;
    last.set(signal, now);
    child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, forward);
  return () => {
    for (const signal of signals) process.removeListener(signal, forward);
  };
}

/** A killed npm tells nobody: then the entry is asked to stop. Whoever starts us without npm may leave us behind. */
function watchNpm(child) {
  if (process.env.npm_lifecycle_event === undefined) return () => {};
  const npm = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== npm) child.kill("SIGTERM");
  }, 500);
  return () => clearInterval(timer);
}

/** Whatever the entry left in its process group. */
function sweep(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing is left.
  }
}
