import { z } from "zod";
import { figureIds } from "../figure.ts";

const spread = z.strictObject({ least: z.number(), most: z.number() });

const row = z.strictObject({
  name: z.string(),
  unit: z.enum(["us", "ms", "per CPU-second", "per second", "KB", "us CPU", "commands", "bytes", "times"]),
  value: z.number(),
  p95: z.number().optional(),
  p99: z.number().optional(),
  spread,
  rounds: z.int().min(1),
  samples: z.int().min(1),
});

const goal = z.strictObject({
  name: z.string(),
  value: z.number(),
  spread,
  bound: z.enum(["at most", "at least"]),
  goal: z.number(),
  met: z.boolean(),
});

/** bench.json: what was measured, on what, and under which load. */
export const reportSchema = z.strictObject({
  version: z.literal(1),
  startedAt: z.iso.datetime(),
  seconds: z.number(),
  plan: z.enum(["smoke", "quick", "full"]),
  /** True when others used more than a twentieth of the machine during a figure, or the plan was `smoke`: nothing to be quoted. */
  provisional: z.boolean(),
  machine: z.strictObject({
    cpu: z.string(),
    cores: z.int(),
    memoryGb: z.number(),
    kernel: z.string(),
    node: z.string(),
    redis: z.string(),
    /** The one-minute load average before the first figure. */
    loadBefore: z.number(),
    /** The most descriptors that one process may hold. */
    descriptors: z.string(),
  }),
  figures: z.array(
    z.strictObject({
      id: z.enum(figureIds),
      title: z.string(),
      rows: z.array(row),
      goals: z.array(goal),
      notes: z.array(z.string()),
      /** The share of the machine's cores that others used meanwhile. */
      othersShare: z.number().min(0).max(1),
      /** Why there are no figures. */
      failure: z.string().optional(),
    }),
  ),
});

export type Report = z.output<typeof reportSchema>;
