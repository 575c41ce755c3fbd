import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { findOnPath } from "./find-on-path.mjs";
import { holdLock } from "./hold-lock.mjs";

/** Makes node_modules what package-lock.json says; does nothing, in a few milliseconds, when it is already. */
export async function ensureModules(root) {
  if (findFault(root) === undefined) return;
  const release = await holdLock(join(root, ".data", "install.lock"), "another installation to end");
  try {
    const fault = findFault(root);
    if (fault !== undefined) installModules(root, fault);
  } finally {
    release();
  }
}

/** For production entries: whoever builds the machine runs npm ci, so only its absence is looked at. */
export function requireModules(root) {
  if (!existsSync(join(root, "node_modules"))) {
    throw new Error("node_modules is missing: run npm ci --omit=dev first.");
  }
}

function installModules(root, fault) {
  console.error(`callseal: ${fault}; installing dependencies with npm ci (about 20 seconds)`);
  const started = Date.now();
  runNpmCi(root, "npm");
  linkInstalledNode(root);
  // npm leaves out optional packages that its own Node is too old for, vitest's native part among them under Node 18.
  // Then the Node 24 that came with the first run installs the rest.
  if (findFault(root) !== undefined) runNpmCiWithInstalledNode(root);
  const rest = findFault(root);
  if (rest !== undefined) throw new Error(`npm ci ended well, and still ${rest}. Remove node_modules and try again.`);
  console.error(`callseal: dependencies installed in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

function runNpmCi(root, ...command) {
  // Dev and optional ones too, whatever NODE_ENV or .npmrc say: Node 24 is optional, vitest is dev.
  const args = ["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status, error } = spawnSync(command[0], [...command.slice(1), ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, PATH: systemPath() },
  });
  if (error) throw new Error(`npm could not be run: ${error.message}`);
  if (status !== 0) throw new Error(`npm ci failed (exit code ${status}); its own words are above.`);
}

function runNpmCiWithInstalledNode(root) {
  const installed = join(root, "node_modules", ".bin", "node");
  const npm = process.env.npm_execpath ?? findOnPath("npm");
  if (!existsSync(installed) || npm === undefined) return;
  // npm ci begins by removing node_modules, and the Node that runs it with them.
  const folder = mkdtempSync(join(tmpdir(), "callseal-node-"));
  try {
    const node = join(folder, "node");
    copyFileSync(realpathSync(installed), node);
    runNpmCi(root, node, realpathSync(npm));
    linkInstalledNode(root);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** npm 9 installs the package of Node 24 and leaves out its link in node_modules/.bin. */
function linkInstalledNode(root) {
  const link = join(root, "node_modules", ".bin", "node");
  const packaged = `node-${process.platform}-${process.arch}/bin/node`;
  if (!existsSync(link) && existsSync(join(root, "node_modules", packaged))) symlinkSync(`../${packaged}`, link);
}

/** PATH without any node_modules/.bin, because npm ci removes the Node there while npm would be running on it. */
export function systemPath() {
  return (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => !/node_modules[\\/]\.bin[\\/]?$/.test(folder))
    .join(delimiter);
}

/** What is wrong with node_modules, in words, or nothing. npm writes the file that this reads at its very end. */
function findFault(root) {
  const wanted = readPackages(join(root, "package-lock.json"));
  if (wanted === undefined) return "package-lock.json is missing";
  const installed = readPackages(join(root, "node_modules", ".package-lock.json"));
  if (installed === undefined) return "node_modules is missing or incomplete";
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes("node_modules/")) continue;
    const found = installed[path];
    if (found === undefined && !isWantedHere(entry)) continue;
    if (found === undefined || !existsSync(join(root, path, "package.json"))) return `${path} is missing`;
    if (found.version !== entry.version || found.integrity !== entry.integrity) {
      return `${path} is ${found.version} and not the locked ${entry.version}`;
    }
  }
  return undefined;
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** An optional package without os and cpu may rightly be absent; one that names this platform may not. */
function isWantedHere(entry) {
  if (!entry.optional && !entry.devOptional) return true;
  if (!entry.os && !entry.cpu) return false;
  const matches = (list, value) => list === undefined || list.includes(value);
  return matches(entry.os, process.platform) && matches(entry.cpu, process.arch) && matches(entry.libc, libc());
}

function libc() {
  return process.report?.getReport()?.header?.glibcVersionRuntime ? "glibc" : "musl";
}
