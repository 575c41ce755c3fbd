import { AuditChain } from "../../core/audit/audit-chain.ts";
import type { AuditRecord } from "../../core/audit/audit-record.ts";
import { ChainVerifier } from "../../core/audit/chain-verifier.ts";
import type { Core } from "./open-core.ts";

/** The whole audit trail, partition by partition, and what is wrong with its chains; also while it is written to. */
export async function readTrail(core: Core): Promise<{ records: AuditRecord[]; faults: unknown[] }> {
  const chain = new AuditChain(core);
  const records: AuditRecord[] = [];
  const faults: unknown[] = [];
  for (let partition = 0; partition < core.keyspace.partitions; partition += 1) {
    const verifier = new ChainVerifier(partition);
    const before = await chain.readHead(partition);
    for await (const page of chain.readRecords(partition)) {
      for (const { record } of page) {
        records.push(record);
        verifier.add(record);
      }
    }
    const { fault } = verifier.finish({ before, after: await chain.readHead(partition) });
    if (fault !== undefined) faults.push(fault);
  }
  return { records, faults };
}
