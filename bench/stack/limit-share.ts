import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Short periods, so that a throttled process stalls for milliseconds and not for a tenth of a second. */
const periodUs = 10_000;

/**
 * Gives a process at most this share of one core, by a control group of its own (cgroup v2 `cpu.max` or v1
 * `cpu.cfs_quota_us`). Returns how to lift it, or undefined where this user may not make control groups.
 */
export function limitShare(pid: number, percentOfCore: number): (() => void) | undefined {
  const quotaUs = Math.round((periodUs * percentOfCore) / 100);
  const v1 = "/sys/fs/cgroup/cpu";
  try {
    if (existsSync(join(v1, "cpu.cfs_quota_us"))) {
      return confine(join(v1, `callseal-bench-${pid}`), pid, {
        "cpu.cfs_period_us": `${periodUs}`,
        "cpu.cfs_quota_us": `${quotaUs}`,
      });
    }
    return confine(`/sys/fs/cgroup/callseal-bench-${pid}`, pid, { "cpu.max": `${quotaUs} ${periodUs}` });
  } catch {
    return undefined;
  }
}

function confine(group: string, pid: number, settings: Readonly<Record<string, string>>): () => void {
  mkdirSync(group);
  const lift = () => {
    try {
      rmdirSync(group);
    } catch {
      // A group goes with its last process; it is empty of cost until then.
    }
  };
  try {
    for (const [name, value] of Object.entries(settings)) writeFileSync(join(group, name), value);
    writeFileSync(join(group, "cgroup.procs"), `${pid}`);
  } catch (error) {
    lift();
    throw error;
  }
  return lift;
}
