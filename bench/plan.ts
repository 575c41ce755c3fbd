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
  commands: { verifications: number; idleSeconds: number };
  slope: { seconds: number; rates: readonly number[]; warmUpSeconds: number };
}

/** `full` takes ten to twelve minutes and `quick` two to three; `smoke` only shows that the harness works. */
export const plans: Readonly<Record<Plan["name"], Plan>> = {
  full: {
    name: "full",
    latency: { rounds: 5, samples: 250, ratePerSecond: 50, warmUp: 1500, warmUpPerSecond: 200, devices: 40 },
    throughput: { rounds: 4, seconds: 5, warmUpSeconds: 10, concurrency: 32 },
    sockets: { count: 10_000, baseline: 200 },
    waiting: { rounds: 2, samples: 300, levels: [1, 1000, 20_000] },
    stored: { rounds: 5, seconds: 3, levels: [1000, 100_000, 1_000_000] },
    shares: { rounds: 2, seconds: 5, percentOfCore: 20 },
    coldStart: { rounds: 7 },
    commands: { verifications: 500, idleSeconds: 5 },
    slope: { seconds: 8, rates: [25, 50, 75, 100], warmUpSeconds: 8 },
  },
  quick: {
    name: "quick",
    latency: { rounds: 2, samples: 80, ratePerSecond: 50, warmUp: 250, warmUpPerSecond: 250, devices: 20 },
    throughput: { rounds: 2, seconds: 1.5, warmUpSeconds: 3, concurrency: 32 },
    sockets: { count: 1500, baseline: 200 },
    waiting: { rounds: 1, samples: 60, levels: [1, 500, 2000] },
    stored: { rounds: 2, seconds: 1, levels: [1000, 100_000] },
    shares: { rounds: 1, seconds: 2, percentOfCore: 20 },
    coldStart: { rounds: 2 },
    commands: { verifications: 60, idleSeconds: 2 },
    slope: { seconds: 2, rates: [30, 90], warmUpSeconds: 2 },
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
    commands: { verifications: 5, idleSeconds: 1 },
    slope: { seconds: 0.5, rates: [10, 20], warmUpSeconds: 0.3 },
  },
};
