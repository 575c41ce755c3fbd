const delaySeconds = /^\d{1,9}$/;
/** IMF-fixdate, the one form that is still generated (RFC 9110 §5.6.7); `Date.parse` alone accepts almost anything. */
const httpDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** Reads a `Retry-After` header (RFC 9110 §10.2.3) as milliseconds from `nowMs`; undefined when it says nothing usable. */
export function parseRetryAfter(value: string | string[] | undefined, nowMs: number): number | undefined {
  const text = (Array.isArray(value) ? value[0] : value)?.trim() ?? "";
  if (delaySeconds.test(text)) return Number(text) * 1000;
  const at = httpDate.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
