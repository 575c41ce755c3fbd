import type { Fleet } from "./start-fleet.ts";

/** Attempts to move a call that the present workers made, by outcome; those of a worker that died are not among them. */
export async function countAttempts(fleet: Fleet): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { url } of fleet.workers) {
    const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${fleet.apiKey}` } });
    if (!response.ok) throw new Error(`a worker's metrics answered ${response.status}`);
    const lines = (await response.text()).matchAll(
      /^callseal_intercept_attempts_total\{[^}]*outcome="(\w+)"[^}]*\} (\d+)$/gm,
    );
    for (const [, outcome, value] of lines) counts[outcome!] = (counts[outcome!] ?? 0) + Number(value);
  }
  return counts;
}
