import { runCallseal } from "../../support/run-callseal.ts";
import { waitFor } from "../../support/wait-for.ts";
import type { CallHistory } from "./call-history.ts";

/** How long the audit's reader may take to write down the last events. */
const lagMs = 20_000;

/** What the audit trail says against what happened: its chains hold, and every confirmed call was confirmed once. */
export async function checkAudit(
  environment: Readonly<Record<string, string>>,
  calls: readonly CallHistory[],
): Promise<{ entries: number; violations: string[] }> {
  const confirmed = calls.flatMap(({ callId, end }) => (end?.status === "confirmed" ? [callId] : []));
  const read = async () => {
    const { out } = await runCallseal(["audit", "export"], environment);
    const records = out.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as AuditLine]));
    return { entries: records.length, confirmations: countConfirmations(records) };
  };
  let last = await read();
  const complete = async () => {
    if (confirmed.every((callId) => last.confirmations.has(callId))) return true;
    last = await read();
    return false;
  };
  // What is missing then is named below.
  await waitFor("the audit trail is complete", complete, { withinMs: lagMs, everyMs: 250 }).catch(() => undefined);
  const verified = await runCallseal(["audit", "verify"], environment);
  return {
    entries: last.entries,
    violations: [
      ...confirmed.flatMap((callId) => {
        const times = last.confirmations.get(callId) ?? 0;
        return times === 1 ? [] : [`${callId}: confirmed ${times} times by the audit trail`];
      }),
      ...(verified.code === 0 ? [] : [`the audit trail does not verify: ${verified.out} ${verified.err}`]),
    ],
  };
}

interface AuditLine {
  event: { type: string; callId?: string };
}

function countConfirmations(records: readonly AuditLine[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { event } of records) {
    if (event.type === "confirmed" && event.callId !== undefined) {
      counts.set(event.callId, (counts.get(event.callId) ?? 0) + 1);
    }
  }
  return counts;
}
