import { AuditChain } from "../../core/audit/audit-chain.ts";
import type { AuditRecord } from "../../core/audit/audit-record.ts";
import { ChainVerifier } from "../../core/audit/chain-verifier.ts";
import { outboxKeys } from "../../core/redis/keys.ts";
import type { Core } from "./open-core.ts";
import { waitFor } from "./wait-for.ts";

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

/** Waits until every event of the outbox is in the trail: workers record what has happened half a second later. */
export async function waitForTrail(core: Core): Promise<void> {
  const chain = new AuditChain(core);
  await waitFor("every event is recorded", async () => {
    for (let partition = 0; partition < core.keyspace.partitions; partition += 1) {
      const [last] = await core.redis.xrevrange(outboxKeys(core.keyspace, partition).outbox, "+", "-", "COUNT", 1);
      if ((await chain.readHead(partition)).id !== (last?.[0] ?? "0-0")) return false;
    }
    return true;
  });
}
