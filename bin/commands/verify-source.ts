import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import { AuditChain } from "../../core/audit/audit-chain.ts";
import type { AuditRecord } from "../../core/audit/audit-record.ts";
import { type ChainVerdict, ChainVerifier } from "../../core/audit/chain-verifier.ts";
import { parseExportLine } from "../../core/audit/export-line.ts";
import type { ChainAnchor } from "../../core/audit/parse-anchor.ts";
import { CommandError, type Terminal } from "./command.ts";
import { openDeployment } from "./open-deployment.ts";

export interface Verification {
  verdicts: ChainVerdict[];
  /** Lines of a file that belong to no chain, by number. */
  badLines: { line: number; detail: string }[];
}

export interface VerifyOptions {
  anchors: readonly ChainAnchor[];
  see: (record: AuditRecord) => void;
}

/** Verifies the chains in the deployment's Redis, while it is being written to. */
export async function verifyRedis(terminal: Terminal, options: VerifyOptions): Promise<Verification> {
  const deployment = await openDeployment(terminal);
  try {
    const { partitions } = deployment.keyspace;
    const beyond = options.anchors.find(({ partition }) => partition >= partitions);
    if (beyond) throw new CommandError(`p${beyond.partition} is anchored, and CALLSEAL_PARTITIONS is ${partitions}`);
    const chain = new AuditChain(deployment);
    const verdicts: ChainVerdict[] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      verdicts.push(await verifyPartition(chain, partition, options));
    }
    return { verdicts, badLines: [] };
  } finally {
    await deployment.close();
  }
}

async function verifyPartition(chain: AuditChain, partition: number, options: VerifyOptions): Promise<ChainVerdict> {
  const verifier = new ChainVerifier(partition, anchorsOf(options.anchors, partition));
  const before = await chain.readHead(partition);
  for await (const page of chain.readRecords(partition)) {
    for (const { record, storedAs } of page) {
      options.see(record);
      verifier.add(record, storedAs);
    }
  }
  return verifier.finish({ before, after: await chain.readHead(partition) });
}

/** Verifies an export, `-` for standard input: no Redis is needed, and none is asked. */
export async function verifyFile(path: string, options: VerifyOptions): Promise<Verification> {
  const verifiers = new Map(
    options.anchors.map(({ partition }) => [
      partition,
      new ChainVerifier(partition, anchorsOf(options.anchors, partition)),
    ]),
  );
  const verifierOf = (partition: number) => {
    const verifier = verifiers.get(partition) ?? new ChainVerifier(partition);
    verifiers.set(partition, verifier);
    return verifier;
  };
  const badLines: Verification["badLines"] = [];
  let line = 0;
  for await (const text of readLines(path)) {
    line += 1;
    const parsed = parseExportLine(text);
    if (parsed.kind === "record") {
      options.see(parsed.record);
      verifierOf(parsed.record.partition).add(parsed.record);
    } else if (parsed.kind === "altered") verifierOf(parsed.partition).addAltered(parsed, parsed.detail);
    else badLines.push({ line, detail: parsed.detail });
  }
  const partitions = [...verifiers.keys()].sort((a, b) => a - b);
  return { verdicts: partitions.map((partition) => verifiers.get(partition)!.finish()), badLines };
}

async function* readLines(path: string): AsyncGenerator<string> {
  if (path === "-") {
    yield* createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
    return;
  }
  await using file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`${path} cannot be read: ${error.code}`);
  });
  if ((await file.stat()).isDirectory()) throw new CommandError(`${path} cannot be read: it is a folder`);
  yield* file.readLines();
}

function anchorsOf(anchors: readonly ChainAnchor[], partition: number): ChainAnchor[] {
  return anchors.filter((anchor) => anchor.partition === partition);
}
