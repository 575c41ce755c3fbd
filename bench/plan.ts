/** How much of everything a run does. Times are in seconds, rates a second. */
export interface Plan {
  name: "smoke" | "quick" | "full";
  latency: {
    rounds: number;
    samples: number;
    ratePerSecond: number;
    warmUp: number;
    warmUpPerSecond: number;
    devices: number;
  };
  throughput: { rounds: number; seconds: number; warmUpSeconds: number; concurrency: number };
  sockets: { count: number; baseline: number };
  waiting: { rounds: number; samples: number; levels: readonly number[] };
  stored: { rounds: number; seconds: number; levels: readonly number[] };
  shares: { rounds: number; seconds: number; percentOfCore: number };
  coldStart: { rounds: number };
  commands: { verifications: number };
  slope: { seconds: number; rates: readonly number[]; warmUpSeconds: number };
}

/** `full` takes about thirteen minutes and `quick` about four; `smoke` only shows that the harness works. */
export const plans: Readonly<Record<Plan["name"], Plan>> = {
  full: {
    name: "full",
    latency: { rounds: 5, samples: 250, ratePerSecond: 50, warmUp: 1500, warmUpPerSecond: 200, devices: 40 },
    throughput: { rounds: 4, seconds: 6, warmUpSeconds: 12, concurrency: 32 },
    sockets: { count: 10_000, baseline: 200 },
    waiting: { rounds: 2, samples: 300, levels: [1, 1000, 20_000] },
    stored: { rounds: 5, seconds: 4, levels: [1000, 100_000, 1_000_000] },
    shares: { rounds: 2, seconds: 6, percentOfCore: 20 },
    coldStart: { rounds: 9 },
    commands: { verifications: 500 },
    slope: { seconds: 10, rates: [20, 40, 60, 80, 100], warmUpSeconds: 12 },
  },
  quick: {
    name: "quick",
    latency: { rounds: 3, samples: 120, ratePerSecond: 50, warmUp: 600, warmUpPerSecond: 200, devices: 20 },
    throughput: { rounds: 2, seconds: 3, warmUpSeconds: 6, concurrency: 32 },
    sockets: { count: 2000, baseline: 200 },
    waiting: { rounds: 1, samples: 100, levels: [1, 1000, 4000] },
    stored: { rounds: 1, seconds: 2, levels: [1000, 100_000] },
    shares: { rounds: 1, seconds: 3, percentOfCore: 20 },
    coldStart: { rounds: 3 },
    commands: { verifications: 100 },
    slope: { seconds: 4, rates: [20, 50, 80], warmUpSeconds: 4 },
  },
  smoke: {
    name: "smoke",
    latency: { rounds: 2, samples: 10, ratePerSecond: 50, warmUp: 5, warmUpPerSecond: 50, devices: 2 },
    throughput: { rounds: 1, seconds: 0.3, warmUpSeconds: 0.3, concurrency: 2 },
    // Fewer would fit into memory that the process has already, and cost nothing.
    sockets: { count: 400, baseline: 50 },
    waiting: { rounds: 1, samples: 5, levels: [1, 20] },
    stored: { rounds: 1, seconds: 0.3, levels: [10, 200] },
    shares: { rounds: 1, seconds: 0.5, percentOfCore: 30 },
    coldStart: { rounds: 1 },
    commands: { verifications: 5 },
    slope: { seconds: 0.5, rates: [10, 20], warmUpSeconds: 0.3 },
  },
};
