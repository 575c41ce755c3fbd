import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { findOnPath } from "./find-on-path.mjs";

/** The path of a Node that satisfies `range` (`>=major.minor`): the one npm installed, else this one, else PATH's. */
export function findNode(root, range) {
  const candidates = [join(root, "node_modules", ".bin", "node"), process.execPath, findOnPath("node")];
  for (const candidate of candidates) {
    if (candidate !== undefined && satisfies(versionOf(candidate), range)) return candidate;
  }
  throw new Error(
    `Callseal needs Node ${range}, and this is ${process.version}. ` +
      "On Linux (x64 and arm64, glibc) npm ci brings it along; elsewhere install it from https://nodejs.org " +
      "and run the same command again.",
  );
}

function versionOf(node) {
  if (node === process.execPath) return process.version;
  try {
    return execFileSync(node, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    // Absent, or built for another C library.
    return undefined;
  }
}

function satisfies(version, range) {
  const have = /^v(\d+)\.(\d+)/.exec(version ?? "");
  const want = /(\d+)(?:\.(\d+))?/.exec(range);
  if (have === null || want === null) return false;
  const [major, minor] = [Number(have[1]), Number(have[2])];
  const [wantMajor, wantMinor] = [Number(want[1]), Number(want[2] ?? 0)];
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
}
