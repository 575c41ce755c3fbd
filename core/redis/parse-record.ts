import type { ProviderName } from "../verification/provider-name.ts";
import type { InterceptStatus, Session, SessionStatus, VerificationMethod } from "../verification/session.ts";

type Fields = Record<string, string | undefined>;

const optionalTexts = ["dnis", "ani", "stirVerstat", "expectedSubject"] as const;

/** Reads a session's public record, as the scripts return and publish it; `nowMs` decides whether it has timed out. */
export function parseRecord(json: string, nowMs: number): Session {
  const record = JSON.parse(json) as Fields;
  const base = { ...baseOf(record), readAtMs: nowMs };
  const status = record.status as SessionStatus;
  switch (status) {
    case "pending":
      return { ...base, status: nowMs >= base.expiresAtMs ? "timeout" : "pending" };
    case "timeout":
      return { ...base, status };
    case "canceled":
      return { ...base, status, terminalAtMs: Number(record.terminalAt) };
    case "denied":
      return { ...base, ...decisionOf(record), status, terminalAtMs: Number(record.terminalAt) };
    case "confirmed":
      return {
        ...base,
        ...decisionOf(record),
        status,
        confirmedAtMs: Number(record.confirmedAt),
        proof: { amr: (record.amr ?? "").split(" "), acr: record.acr ?? "", prf: record.prf ?? "" },
      };
  }
}

function baseOf(record: Fields) {
  const base = {
    sessionId: record.sessionId!,
    tenant: record.tenant!,
    provider: record.provider as ProviderName,
    callId: record.callId!,
    generation: Number(record.generation),
    reissues: Number(record.reissues ?? 0),
    did: record.did!,
    ttlSeconds: Number(record.ttlSeconds),
    maxRetries: Number(record.maxRetries),
    locale: record.locale!,
    metadata: record.metadata ? (JSON.parse(record.metadata) as Record<string, string>) : {},
    origin: record.origin ?? "",
    correlationId: record.correlationId!,
    createdAtMs: Number(record.createdAt),
    expiresAtMs: Number(record.expiresAt),
    intercept: {
      status: record.intercept as InterceptStatus,
      attempts: Number(record.attempts) - (record.granted === "1" ? 1 : 0),
      ...(record.granted === "1" ? { grant: record.leaseToken! } : {}),
      ...(record.deliveredAt ? { deliveredAtMs: Number(record.deliveredAt) } : {}),
    },
    ...(record.callEndedAt ? { callEndedAtMs: Number(record.callEndedAt) } : {}),
  };
  const texts: Partial<Record<(typeof optionalTexts)[number], string>> = {};
  for (const name of optionalTexts) {
    if (record[name] !== undefined) texts[name] = record[name];
  }
  return { ...base, ...texts };
}

function decisionOf(record: Fields) {
  return {
    subjectId: record.subjectId!,
    deviceId: record.deviceId!,
    method: record.method as VerificationMethod,
  };
}
