export type RetryClass = "4xx" | "5xx" | "ct" | "rt";

export interface ConnectionSettings {
  connectMs: number;
  readMs: number;
  /** For the whole request, all its tries together. */
  totalMs: number;
  retries: number;
  /** `all` also retries what has no class of its own, such as a broken connection. */
  retryOn: ReadonlySet<RetryClass | "all">;
}

const DEFAULTS: ConnectionSettings = {
  connectMs: 5000,
  readMs: 15_000,
  totalMs: 15_000,
  retries: 1,
  retryOn: new Set(["ct"]),
};

const POLICIES: readonly string[] = ["4xx", "5xx", "ct", "rt", "all"];

/**
 * Splits a webhook URL into what is requested and how: `#ct=2000&rt=4000&tt=5000&rc=2&rp=ct,5xx`. A value outside
 * Twilio's range leaves the default. `e` (edge) and `sni` have no effect here. Fragments with the pairs separated by `&`.
 * Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
 */
export function readConnectionOverrides(webhookUrl: string): { url: string; settings: ConnectionSettings } {
  const [url = "", fragment = ""] = webhookUrl.split("#", 2);
  const given = new URLSearchParams(fragment);
  const policies = (given.get("rp") ?? "").split(",").filter((policy) => POLICIES.includes(policy));
  const settings: ConnectionSettings = {
    connectMs: within(given.get("ct"), 100, 10_000) ?? DEFAULTS.connectMs,
    readMs: within(given.get("rt"), 100, 15_000) ?? DEFAULTS.readMs,
    totalMs: within(given.get("tt"), 100, 15_000) ?? DEFAULTS.totalMs,
    retries: within(given.get("rc"), 0, 5) ?? DEFAULTS.retries,
    retryOn: policies.length > 0 ? new Set(policies as (RetryClass | "all")[]) : DEFAULTS.retryOn,
  };
  return { url, settings };
}

function within(value: string | null, min: number, max: number): number | undefined {
  if (value === null || !/^\d{1,5}$/.test(value)) return undefined;
  const number = Number(value);
  return number >= min && number <= max ? number : undefined;
}
