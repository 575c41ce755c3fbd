import type { Report } from "../../bench/report/report.ts";

/** A report with a figure of each kind. */
export function exampleReport(overrides: Partial<Report> = {}): Report {
  const spread = { least: 500, most: 700 };
  return {
    version: 1,
    startedAt: "2026-11-23T03:00:00.000Z",
    seconds: 12.5,
    plan: "quick",
    provisional: false,
    machine: {
      cpu: "Some CPU",
      cores: 2,
      memoryGb: 24,
      kernel: "6.18",
      node: "v24.21.0",
      redis: "redis-server 7.0.15",
      loadBefore: 0.1,
      descriptors: "20000",
    },
    figures: [
      {
        id: "P1",
        title: "confirmation → poll",
        rows: [
          { name: "Callseal", unit: "us", value: 600, p95: 900, p99: 1500, spread, rounds: 3, samples: 300 },
          { name: "part", unit: "us CPU", value: 0.25, spread, rounds: 1, samples: 1 },
        ],
        goals: [
          { name: "p50", value: 1.2, spread: { least: 1.1, most: 1.3 }, bound: "at most", goal: 1.5, met: true },
          { name: "rate", value: 2, spread: { least: 2, most: 2 }, bound: "at least", goal: 3, met: false },
        ],
        notes: ["a note"],
        othersShare: 0.031,
      },
      { id: "P2", title: "failed", rows: [], goals: [], notes: [], othersShare: 0, failure: "no worker" },
    ],
    ...overrides,
  };
}
