/** How large a run is. */
export interface FaultPlan {
  confirmations: number;
  /** New calls a second. */
  ratePerSecond: number;
  /** How long the run without faults goes on. */
  minutes: number;
  /** Decides who is struck. */
  seed: number;
  /** Hears of progress, now and then. */
  print: (line: string) => void;
}

/** What a run did and saw. */
export interface FaultReport {
  title: string;
  seconds: number;
  /** The faults that really happened, in words with their number. */
  happened: string[];
  /** What was measured, in words with units. */
  seen: string[];
  /** Each broken promise; empty when all were kept. */
  violations: string[];
}

export interface FaultRun {
  id: string;
  title: string;
  run(plan: FaultPlan): Promise<FaultReport>;
}

/** Milliseconds between two strikes, so that as many fall into the time of all calls; never less than `atLeastMs`. */
export function spreadOver(plan: FaultPlan, { strikes, atLeastMs }: { strikes: number; atLeastMs: number }): number {
  return Math.max(atLeastMs, (plan.confirmations * 1000) / plan.ratePerSecond / (strikes + 1));
}
