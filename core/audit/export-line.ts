import type { AuditRecord } from "./audit-record.ts";
import { canonicalJson } from "./canonical-json.ts";

/** A record as one line of an export: canonical JSON (RFC 8785), so that each record has exactly one line. */
export function formatExportLine(record: AuditRecord): string {
  const { event, hash, partition, previous, sequence } = record;
  return `{"event":${event},"hash":"${hash}","partition":${partition},"previous":"${previous}","sequence":${sequence}}`;
}

export type ExportLine =
  | { kind: "record"; record: AuditRecord }
  /** A record that was changed, and says which one it is. */
  | { kind: "altered"; partition: number; sequence: number; eventId: string; detail: string }
  | { kind: "unreadable"; detail: string };

/** Reads a line of an export. Whatever is not byte for byte a line that `formatExportLine` makes was changed after it. */
export function parseExportLine(line: string): ExportLine {
  let value: unknown;
  let canonical: string;
  try {
    value = JSON.parse(line);
    canonical = canonicalJson(value);
  } catch {
    // Not JSON, or nested more deeply than any event.
    return { kind: "unreadable", detail: "is not JSON" };
  }
  if (!isRecord(value)) return { kind: "unreadable", detail: "is not a record of an audit trail" };
  const { event, hash, partition, previous, sequence } = value;
  const eventId = String(event["id"] ?? "");
  if (canonical !== line) {
    return { kind: "altered", partition, sequence, eventId, detail: "it is not written as it was exported" };
  }
  return { kind: "record", record: { partition, sequence, previous, hash, eventId, event: canonicalJson(event) } };
}

interface ExportedRecord {
  event: Record<string, unknown>;
  hash: string;
  partition: number;
  previous: string;
  sequence: number;
}

const hashShape = /^[0-9a-f]{64}$/;

function isRecord(value: unknown): value is ExportedRecord {
  if (typeof value !== "object" || value === null) return false;
  const { event, hash, partition, previous, sequence } = value as Record<string, unknown>;
  return (
    Object.keys(value).length === 5 &&
    typeof event === "object" &&
    event !== null &&
    !Array.isArray(event) &&
    isHash(hash) &&
    (previous === "" || isHash(previous)) &&
    isWhole(partition, 0, 4095) &&
    isWhole(sequence, 1, Number.MAX_SAFE_INTEGER)
  );
}

function isHash(value: unknown): value is string {
  return typeof value === "string" && hashShape.test(value);
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}
