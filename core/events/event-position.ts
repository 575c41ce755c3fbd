/** Where an event stands among those of all partitions. */
export interface EventPosition {
  ms: number;
  sequence: number;
  partition: number;
}

const eventIdShape = /^(\d{1,15})-(\d{1,15})-(\d{1,4})$/;

/** The parts of an event's id, or undefined when the text is none. */
export function parseEventId(id: string): EventPosition | undefined {
  const match = eventIdShape.exec(id);
  return match ? { ms: Number(match[1]), sequence: Number(match[2]), partition: Number(match[3]) } : undefined;
}

/** Negative, zero or positive, like every comparison. */
export function comparePositions(a: EventPosition, b: EventPosition): number {
  return a.ms - b.ms || a.sequence - b.sequence || a.partition - b.partition;
}
