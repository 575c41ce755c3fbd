import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import type { Report } from "./report.ts";

/** The machine that the figures belong to. */
export function describeMachine(): Report["machine"] {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    redis: redisVersion(),
    loadBefore: loadavg()[0]!,
    descriptors: descriptorLimit(),
  };
}

function redisVersion(): string {
  for (const name of ["redis-server", "valkey-server"]) {
    try {
      const text = execFileSync(name, ["--version"], { encoding: "utf8" });
      return `${name} ${/v=(\S+)/.exec(text)?.[1] ?? text.trim()}`;
    } catch {
      // The other one, then.
    }
  }
  return "unknown";
}

function descriptorLimit(): string {
  try {
    return /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? "unknown";
  } catch {
    return "unknown";
  }
}
