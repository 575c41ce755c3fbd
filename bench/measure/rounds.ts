import type { Goal, Row } from "../figure.ts";
import type { LatencySummary } from "./latencies.ts";

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("there is no median of nothing");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function spreadOf(values: readonly number[]): { least: number; most: number } {
  return { least: Math.min(...values), most: Math.max(...values) };
}

/** The row of latencies: each percentile is the median of the rounds' own percentiles. */
export function latencyRow(name: string, rounds: readonly LatencySummary[]): Row {
  const medians = rounds.map(({ p50 }) => p50);
  return {
    name,
    unit: "us",
    value: median(medians),
    p95: median(rounds.map(({ p95 }) => p95)),
    p99: median(rounds.map(({ p99 }) => p99)),
    spread: spreadOf(medians),
    rounds: rounds.length,
    samples: rounds.reduce((sum, { samples }) => sum + samples, 0),
  };
}

export function valueRow(name: string, unit: Row["unit"], values: readonly number[], samples = values.length): Row {
  return { name, unit, value: median(values), spread: spreadOf(values), rounds: values.length, samples };
}

/**
 * Compares rounds in pairs, since the two of a pair ran next to each other in time: the ratio is the median of the
 * pairs' ratios, and its spread their extremes.
 */
export function ratioGoal(
  name: string,
  pairs: { ours: readonly number[]; reference: readonly number[] },
  bound: { atMost: number } | { atLeast: number },
): Goal {
  const ratios = pairs.ours.map((value, round) => value / pairs.reference[round]!);
  const value = median(ratios);
  const atMost = "atMost" in bound;
  const goal = atMost ? bound.atMost : bound.atLeast;
  return {
    name,
    value,
    spread: spreadOf(ratios),
    bound: atMost ? "at most" : "at least",
    goal,
    met: atMost ? value <= goal : value >= goal,
  };
}
