import type { CallHistory } from "./call-history.ts";

/** One fault of a run: what was done to whom, and when, in milliseconds of the history's clock. */
export interface InjectedFault {
  at: number;
  what: string;
}

export interface Percentiles {
  samples: number;
  p50: number;
  p99: number;
  max: number;
}

export interface Verdict {
  calls: number;
  /** Calls between their proof and their arrival when a fault struck. */
  underWay: number;
  acknowledged: number;
  /** Confirmations whose app was left with an error. */
  refused: number;
  /** Confirmed sessions whose device never learned of it: allowed, and moved like the others. */
  confirmedUnheard: number;
  /** Arrivals of a call beyond its first, each with the same receipt: an attempt whose outcome nobody knew was repeated. */
  repeatedArrivals: number;
  /** Errors that reached a client in spite of its retries, by code. */
  clientErrors: Record<string, number>;
  /** Milliseconds from the acknowledgement to the call's update. */
  moved: Percentiles;
  /** The same for the calls that were acknowledged and not yet moved when a fault struck, from that fault on. */
  movedAfterFault: Percentiles;
  /** Each broken promise, in words; empty when all were kept. */
  violations: string[];
}

/**
 * Holds what every client was told against what happened to every call. The promises: what was acknowledged is confirmed
 * and stays so; its call arrives where verified callers go, with one genuine receipt however often, so that a page which
 * acts once a receipt acts once; nobody else's does; a poll answers what the session is.
 */
export function checkHistory(calls: readonly CallHistory[], faults: readonly InjectedFault[] = []): Verdict {
  const acknowledged = calls.filter(({ ackedAt }) => ackedAt !== undefined);
  const movedAt = (call: CallHistory): number | undefined => call.updates[0];
  const gaps = acknowledged.flatMap((call) => {
    const at = movedAt(call);
    return at === undefined ? [] : [Math.max(0, at - call.ackedAt!)];
  });
  const struck = acknowledged.flatMap((call) => {
    const at = movedAt(call);
    const fault = faults.find((one) => one.at >= call.ackedAt! && at !== undefined && one.at < at);
    return fault === undefined ? [] : [at! - fault.at];
  });
  return {
    calls: calls.length,
    underWay: calls.filter((call) => faults.some(({ at }) => isUnderWay(call, at))).length,
    acknowledged: acknowledged.length,
    refused: calls.filter(({ refusal }) => refusal !== undefined).length,
    confirmedUnheard: calls.filter(({ ackedAt, end }) => ackedAt === undefined && end?.status === "confirmed").length,
    repeatedArrivals: calls.reduce((sum, { arrivals }) => sum + Math.max(0, arrivals.length - 1), 0),
    clientErrors: countEach(
      calls.flatMap(({ clientErrors, refusal }) => [...clientErrors, ...(refusal ? [refusal] : [])]),
    ),
    moved: percentiles(gaps),
    movedAfterFault: percentiles(struck),
    violations: calls.flatMap((call) => findViolations(call).map((violation) => `${call.callId}: ${violation}`)),
  };
}

/** Whether the call was between its proof and its arrival at a time, in milliseconds of the history's clock. */
export function isUnderWay({ sentAt, arrivals }: CallHistory, at: number): boolean {
  return sentAt !== undefined && sentAt <= at && !arrivals.some((arrival) => arrival.at < at);
}

function findViolations(call: CallHistory): string[] {
  const { end, arrivals } = call;
  const found: string[] = [];
  if (end === undefined) return ["its session could not be read at the end"];
  const confirmed = end.status === "confirmed";
  if (call.ackedAt !== undefined && !confirmed) found.push(`acknowledged and lost: the session is ${end.status}`);
  if (confirmed && arrivals.length === 0) found.push(`confirmed and never moved: its intercept is ${end.intercept}`);
  const effects = new Set(arrivals.map(({ receiptId }) => receiptId)).size;
  if (effects > 1) found.push(`moved ${effects} times in effect`);
  if (arrivals.length > 0 && !confirmed) found.push(`moved without a confirmation: the session is ${end.status}`);
  if (arrivals.some(({ receiptId }) => receiptId === undefined)) found.push("moved with a receipt that is not genuine");
  if (confirmed && arrivals.length > 0 && end.intercept !== "succeeded") {
    found.push(`moved, and its intercept is ${end.intercept}`);
  }
  if (call.polled !== undefined && call.polled !== end.status) {
    found.push(`its poll answered ${call.polled}, and the session is ${end.status}`);
  }
  return found;
}

/** Nearest rank, in whole milliseconds; zeros when there is no sample. */
export function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (share: number) => Math.round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
  return { samples: sorted.length, p50: rank(0.5), p99: rank(0.99), max: rank(1) };
}

function countEach(codes: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}
