/** The event types of PROTOCOL §7, and `confirmation_refused`: a proof that was verified in part and then refused. */
export const eventTypes = [
  "session_created",
  "did_issued",
  "loop_iteration",
  "canceled",
  "timeout",
  "confirmed",
  "denied",
  "intercept_success",
  "intercept_failed",
  "wrong_did",
  "late_confirmation",
  "degraded",
  "rate_limited",
  "reissued",
  "call_ended",
  "push_offered",
  "device_enrolled",
  "device_revoked",
  "wrong_did_burst",
  "audit_gap",
  "confirmation_refused",
] as const;
export type EventType = (typeof eventTypes)[number];

/** One envelope for all of them; what is particular to a type stands beside these names. */
export interface CallsealEvent {
  /** `<ms>-<sequence>-<partition>`: unique, and ordered in time; `ms` is `time`, unless the clock was set back. */
  id: string;
  type: EventType;
  /** RFC 3339, by the clock of Redis. */
  time: string;
  tenant: string;
  sessionId?: string;
  callId?: string;
  provider?: string;
  correlationId: string;
  [detail: string]: unknown;
}

/** An entry of a partition's stream as Redis answers it: its id, then names and values in turn. */
export type StreamEntry = [id: string, fields: string[]];

/** Whose event it is, without parsing the rest. */
export function tenantOf([, fields]: StreamEntry): string | undefined {
  for (let index = 0; index < fields.length; index += 2) if (fields[index] === "tenant") return fields[index + 1];
  return undefined;
}

export function parseStreamEntry(partition: number, entry: StreamEntry): CallsealEvent {
  const fields: Record<string, string> = {};
  for (let index = 0; index < entry[1].length; index += 2) fields[entry[1][index]!] = entry[1][index + 1]!;
  const envelope = {
    id: `${entry[0]}-${partition}`,
    type: fields.type as EventType,
    time: new Date(Number(fields.time)).toISOString(),
    tenant: fields.tenant!,
    ...(fields.sessionId ? { sessionId: fields.sessionId } : {}),
    ...(fields.callId ? { callId: fields.callId } : {}),
    ...(fields.provider ? { provider: fields.provider } : {}),
    correlationId: fields.correlationId!,
  };
  // The envelope comes first to read, and wins whatever the details are called.
  return { ...envelope, ...(JSON.parse(fields.data ?? "{}") as object), ...envelope };
}
