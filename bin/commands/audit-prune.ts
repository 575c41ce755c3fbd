import { AuditChain } from "../../core/audit/audit-chain.ts";
import type { AuditRecord } from "../../core/audit/audit-record.ts";
import { formatAnchor } from "../../core/audit/parse-anchor.ts";
import { reportVerdicts } from "./audit-verify.ts";
import { type Command, CommandError } from "./command.ts";
import { openDeployment } from "./open-deployment.ts";
import { anchorHelp, anchorOptions, readAnchors } from "./read-anchors.ts";
import { readFlags } from "./read-flags.ts";
import { verifyRedis } from "./verify-source.ts";

export const auditPrune: Command = {
  help: `Usage: callseal audit prune --anchors <file> | --expect-head p<n>=<sequence>:<hash>…

Verifies the audit trail, then removes from Redis every entry up to the anchored end of its partition, and that one too.
Nothing is removed when anything is broken. Export first: what is removed is in the export alone.
Prints where each trail begins now: "callseal audit verify" needs that as an anchor from then on.

${anchorHelp}
Exit code: 0 removed, 1 the trail is broken, 2 could not be done.
`,
  async run(args, terminal) {
    const anchors = await readAnchors(readFlags(args, anchorOptions));
    if (anchors.length === 0) throw new CommandError("say up to where: --anchors or --expect-head");
    const lasts = new Map<number, AuditRecord>();
    const see = (record: AuditRecord) => {
      const { partition, sequence, hash } = record;
      const anchored = anchors.some((anchor) => anchor.partition === partition && anchor.hash === hash);
      if (anchored && sequence > (lasts.get(partition)?.sequence ?? 0)) lasts.set(partition, record);
    };
    const verification = await verifyRedis(terminal, { anchors, see });
    if (verification.verdicts.some(({ fault }) => fault)) return await reportVerdicts(verification, terminal);
    const deployment = await openDeployment(terminal);
    try {
      const chain = new AuditChain(deployment);
      for (const [partition, record] of lasts) {
        const removed = await chain.removeUpTo(partition, record.eventId);
        await terminal.out(`${formatAnchor(record)} # ${removed} entries removed\n`);
      }
    } finally {
      await deployment.close();
    }
    return 0;
  },
};
