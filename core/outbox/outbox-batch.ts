import type { StreamEntry } from "../events/event.ts";

/** The consumers of the outbox: each group is given every event, whichever worker's turn it is. `audit` counts them too. */
export type OutboxGroup = "audit" | "webhooks";

/** Events of one partition, oldest first, that are acknowledged together. */
export interface OutboxBatch {
  partition: number;
  entries: StreamEntry[];
  /** Given to somebody before, who did not acknowledge them: some may have been handled, and others between them too. */
  again: boolean;
}

/** Which of two stream ids is the later one: negative, zero or positive like every comparison. */
export function compareStreamIds(a: string, b: string): number {
  const [aMs = 0, aSequence = 0] = a.split("-").map(Number);
  const [bMs = 0, bSequence = 0] = b.split("-").map(Number);
  return aMs - bMs || aSequence - bSequence;
}
