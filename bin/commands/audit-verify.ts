import type { AuditRecord } from "../../core/audit/audit-record.ts";
import type { ChainVerdict } from "../../core/audit/chain-verifier.ts";
import { formatAnchor } from "../../core/audit/parse-anchor.ts";
import type { Command, Terminal } from "./command.ts";
import { anchorHelp, anchorOptions, readAnchors } from "./read-anchors.ts";
import { readFlags } from "./read-flags.ts";
import { showProgress } from "./show-progress.ts";
import { type Verification, verifyFile, verifyRedis } from "./verify-source.ts";

const options = { file: { type: "string" }, ...anchorOptions } as const;

export const auditVerify: Command = {
  help: `Usage: callseal audit verify [--file <export.jsonl>] [--anchors <file>] [--expect-head p<n>=[<sequence>:]<hash>]…

Recomputes every hash of the audit trail and names the first entry of each partition that was removed, altered,
reordered or duplicated. Without --file the deployment's Redis (REDIS_URL) is read, while it is in use.

  --file <path>         verify an export instead, "-" for standard input; needs no Redis
${anchorHelp}
A whole trail prints one line a partition with its number of entries and its end, fit for --anchors: keep them where
whoever can write to Redis cannot. Without them nobody can see that a trail was cut at its end, or made anew.

Exit code: 0 unbroken, 1 broken, 2 could not be verified.
`,
  async run(args, terminal) {
    const flags = readFlags(args, options);
    const anchors = await readAnchors(flags);
    const gaps: AuditRecord[] = [];
    const progress = showProgress(terminal, (count) => `${count.toLocaleString("en")} entries verified so far`);
    const see = (record: AuditRecord) => {
      progress(1);
      if (record.event.includes('"type":"audit_gap"')) gaps.push(record);
    };
    const verification =
      flags.file === undefined
        ? await verifyRedis(terminal, { anchors, see })
        : await verifyFile(flags.file, { anchors, see });
    for (const gap of gaps) await terminal.out(`# gap noted at p${gap.partition} #${gap.sequence}: ${gap.event}\n`);
    return await reportVerdicts(verification, terminal);
  },
};

/** Says of every chain how far it holds; resolves with the exit code. */
export async function reportVerdicts(verification: Verification, terminal: Terminal): Promise<number> {
  const { verdicts, badLines } = verification;
  for (const verdict of verdicts) if (verdict.records > 0 || verdict.fault) await terminal.out(describe(verdict));
  for (const { line, detail } of badLines) await terminal.out(`# line ${line}: BROKEN: ${detail}\n`);
  const broken = verdicts.filter(({ fault }) => fault).length;
  const records = verdicts.reduce((sum, verdict) => sum + verdict.records, 0).toLocaleString("en");
  if (broken === 0 && badLines.length === 0) {
    await terminal.out(`# unbroken: ${records} entries in ${verdicts.length} partitions\n`);
    return 0;
  }
  await terminal.out(`# BROKEN: ${broken} of ${verdicts.length} partitions, ${badLines.length} unreadable lines\n`);
  return 1;
}

function describe({ fault, ...verdict }: ChainVerdict): string {
  if (!fault) return `${formatAnchor(verdict)} # ${verdict.records} entries\n`;
  const event = fault.eventId === undefined ? "" : `, event ${fault.eventId}`;
  const good = verdict.sequence === 0 ? "" : `; unbroken up to ${formatAnchor(verdict)}`;
  return `# p${fault.partition}: BROKEN: ${fault.kind} at #${fault.sequence}${event}: ${fault.detail}${good}\n`;
}
