import type { Percentiles, Verdict } from "./check-history.ts";

/** What a run of calls saw, one line each. */
export function describeVerdict(verdict: Verdict): string[] {
  const errors = Object.entries(verdict.clientErrors).map(([code, times]) => `${times} × ${code}`);
  return [
    `${verdict.calls} calls, ${verdict.acknowledged} acknowledged, ${verdict.refused} refused in the end`,
    `errors that reached a client: ${errors.join(", ") || "none"}`,
    ...(verdict.confirmedUnheard > 0 ? [`${verdict.confirmedUnheard} confirmed whose device never heard of it`] : []),
    `${verdict.repeatedArrivals} arrivals repeated, each with the receipt of the first`,
    `acknowledgement to call update: ${inMs(verdict.moved)}`,
    `fault to call update, of calls acknowledged and not yet moved: ${inMs(verdict.movedAfterFault)}`,
  ];
}

function inMs({ samples, p50, p99, max }: Percentiles): string {
  return samples === 0 ? "no sample" : `p50 ${p50} ms, p99 ${p99} ms, most ${max} ms (${samples})`;
}
