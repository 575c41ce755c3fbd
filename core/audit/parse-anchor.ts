/** A chain's end that was noted outside of Redis, to hold the chain against later. */
export interface ChainAnchor {
  partition: number;
  /** Absent: wherever in the chain the hash stands. */
  sequence?: number;
  hash: string;
}

const shape = /^p(\d{1,4})=(?:([1-9]\d{0,14}):)?([0-9a-f]{64})$/;

/** Reads `p3=<hash>` or `p3=<sequence>:<hash>`; undefined when the text is neither. */
export function parseAnchor(text: string): ChainAnchor | undefined {
  const match = shape.exec(text);
  if (!match) return undefined;
  const [, partition, sequence, hash] = match;
  return {
    partition: Number(partition),
    hash: hash!,
    ...(sequence === undefined ? {} : { sequence: Number(sequence) }),
  };
}

/** How a chain's end is written so that `parseAnchor` reads it again. */
export function formatAnchor(head: { partition: number; sequence: number; hash: string }): string {
  return `p${head.partition}=${head.sequence}:${head.hash}`;
}
