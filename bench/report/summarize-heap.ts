import { readFile } from "node:fs/promises";

/** As much of a V8 heap snapshot as is read here: flat arrays whose fields `meta` names. */
interface HeapSnapshot {
  snapshot: { meta: { node_fields: string[]; node_types: (string[] | string)[] } };
  nodes: number[];
  strings: string[];
}

export type HeapSums = ReadonlyMap<string, { count: number; bytes: number }>;

/** Own sizes of a heap's objects, summed up by constructor, or by kind where there is none. */
export function sumHeap(json: string): HeapSums {
  const { snapshot, nodes, strings } = JSON.parse(json) as HeapSnapshot;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const kinds = types[0] as string[];
  const [kindAt, nameAt, sizeAt] = ["type", "name", "self_size"].map((name) => fields.indexOf(name)) as [
    number,
    number,
    number,
  ];
  const sums = new Map<string, { count: number; bytes: number }>();
  for (let node = 0; node < nodes.length; node += fields.length) {
    const kind = kinds[nodes[node + kindAt]!]!;
    const name = kind === "object" || kind === "native" ? strings[nodes[node + nameAt]!]! : `(${kind})`;
    const sum = sums.get(name) ?? { count: 0, bytes: 0 };
    sum.count += 1;
    sum.bytes += nodes[node + sizeAt]!;
    sums.set(name, sum);
  }
  return sums;
}

/** What was added between two snapshots, for each of `sockets` that were opened in between; the largest first. */
export async function summarizeGrowth(
  files: { before: string; after: string },
  sockets: number,
): Promise<{ name: string; perSocket: number; bytesPerSocket: number }[]> {
  const before = sumHeap(await readFile(files.before, "utf8"));
  const after = sumHeap(await readFile(files.after, "utf8"));
  return [...after]
    .map(([name, { count, bytes }]) => ({
      name,
      perSocket: (count - (before.get(name)?.count ?? 0)) / sockets,
      bytesPerSocket: (bytes - (before.get(name)?.bytes ?? 0)) / sockets,
    }))
    .filter(({ bytesPerSocket }) => bytesPerSocket >= 16)
    .sort((a, b) => b.bytesPerSocket - a.bytesPerSocket);
}
