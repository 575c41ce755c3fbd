import type { Plan } from "./plan.ts";

/** One line of a figure's table. Latencies have percentiles, everything else a single value. */
export interface Row {
  name: string;
  unit: "us" | "ms" | "per CPU-second" | "per second" | "KB" | "us CPU" | "commands" | "bytes" | "times";
  /** The median of the rounds, or for latencies the median of the rounds' medians. */
  value: number;
  p95?: number | undefined;
  p99?: number | undefined;
  /** The smallest and largest `value` of a round. */
  spread: { least: number; most: number };
  rounds: number;
  /** Samples of all rounds together. */
  samples: number;
}

export interface Goal {
  name: string;
  value: number;
  spread: { least: number; most: number };
  /** `at most` for a cost, `at least` for a throughput. */
  bound: "at most" | "at least";
  goal: number;
  met: boolean;
}

export interface FigureResult {
  id: FigureId;
  title: string;
  rows: Row[];
  goals: Goal[];
  /** How it was measured this time, and what must be known to read it. */
  notes: string[];
}

export const figureIds = ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11"] as const;
export type FigureId = (typeof figureIds)[number];

export interface FigureContext {
  plan: Plan;
  /** Says what is happening, for whoever waits. */
  progress: (text: string) => void;
  /** Folder for CPU profiles of gateways and workers; absent: none are taken. */
  profiles?: string | undefined;
  /** Closed in reverse order when the figure is done, however it ends. */
  closeAfter: (close: () => Promise<unknown> | unknown) => void;
}

export interface Figure {
  id: FigureId;
  title: string;
  measure(context: FigureContext): Promise<Omit<FigureResult, "id" | "title">>;
}
