import { hash } from "node:crypto";
import { type CallsealEvent, parseStreamEntry, type StreamEntry } from "../events/event.ts";
import { canonicalJson } from "./canonical-json.ts";

/** One record of a partition's audit chain. */
export interface AuditRecord {
  partition: number;
  /** From 1, without a gap. */
  sequence: number;
  /** The hash of the record before, "" for the first one. */
  previous: string;
  /** Of everything else in the record, in hexadecimal. */
  hash: string;
  eventId: string;
  /** The event in canonical JSON. */
  event: string;
}

/** SHA-256 over the canonical JSON of `{ event, partition, previous, sequence }`: what a hash covers is what a record is. */
export function hashRecord(record: Omit<AuditRecord, "hash" | "eventId">): string {
  const { event, partition, previous, sequence } = record;
  const text = `{"event":${event},"partition":${partition},"previous":"${previous}","sequence":${sequence}}`;
  return hash("sha256", text, "hex");
}

/** The records of events that follow a chain's end, in their order. */
export function chainEvents(
  end: { partition: number; sequence: number; hash: string },
  entries: readonly StreamEntry[],
): AuditRecord[] {
  const { partition } = end;
  let previous = end.hash;
  return entries.map((entry, index) => {
    const { id, text } = describeEvent(partition, entry);
    const record = { partition, sequence: end.sequence + index + 1, previous, eventId: id, event: text };
    const hash = hashRecord(record);
    previous = hash;
    return { ...record, hash };
  });
}

/** An entry that cannot be read as an event is recorded as it is: a chain that stopped at it would hide what follows. */
function describeEvent(partition: number, entry: StreamEntry): { id: string; text: string } {
  const id = `${entry[0]}-${partition}`;
  let event: CallsealEvent | Record<string, unknown>;
  try {
    event = parseStreamEntry(partition, entry);
  } catch {
    event = { id, unreadable: entry[1] };
  }
  // What is undefined is no member of a JSON text.
  return { id, text: canonicalJson(JSON.parse(JSON.stringify(event))) };
}
