import { open } from "node:fs/promises";
import { AuditChain } from "../../core/audit/audit-chain.ts";
import { formatExportLine } from "../../core/audit/export-line.ts";
import { formatAnchor } from "../../core/audit/parse-anchor.ts";
import { type Command, CommandError, type Terminal } from "./command.ts";
import { openDeployment } from "./open-deployment.ts";
import { readFlags } from "./read-flags.ts";
import { showProgress } from "./show-progress.ts";

const options = { output: { type: "string", short: "o" } } as const;

export const auditExport: Command = {
  help: `Usage: callseal audit export [--output <path>]

Writes every entry of the audit trail as one line of JSON, with its hash and that of the entry before it, partition by
partition. "callseal audit verify --file" verifies the result without Redis.

  --output, -o <path>   a new file, synced to its disk; standard output by default

Nothing is removed from Redis. The ends of the exported chains are printed to standard error, fit for
"callseal audit verify --anchors".

Exit code: 0 exported, 2 could not be exported.
`,
  async run(args, terminal) {
    const { output } = readFlags(args, options);
    const deployment = await openDeployment(terminal);
    try {
      const target =
        output === undefined ? { write: terminal.out, close: async () => undefined } : await createFile(output);
      const chain = new AuditChain(deployment);
      try {
        for (let partition = 0; partition < deployment.keyspace.partitions; partition += 1) {
          await exportPartition(chain, partition, { write: target.write, terminal });
        }
      } finally {
        await target.close();
      }
      return 0;
    } finally {
      await deployment.close();
    }
  },
};

async function exportPartition(
  chain: AuditChain,
  partition: number,
  { write, terminal }: { write: (text: string) => Promise<void>; terminal: Terminal },
): Promise<void> {
  const progress = showProgress(terminal, (count) => `p${partition}: ${count.toLocaleString("en")} entries so far`);
  let last: { partition: number; sequence: number; hash: string } | undefined;
  for await (const page of chain.readRecords(partition)) {
    await write(page.map(({ record }) => `${formatExportLine(record)}\n`).join(""));
    last = page.at(-1)!.record;
    progress(page.length);
  }
  if (last !== undefined) terminal.err(`${formatAnchor(last)}\n`);
}

async function createFile(path: string) {
  const file = await open(path, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(
      error.code === "EEXIST" ? `${path} exists already` : `${path} cannot be written: ${error.code}`,
    );
  });
  return {
    write: async (text: string) => {
      await file.write(text);
    },
    close: async () => {
      await file.sync();
      await file.close();
    },
  };
}
