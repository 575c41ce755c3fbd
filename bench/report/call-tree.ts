/** A V8 CPU profile, as `--cpu-prof` writes it: as much of it as is read here. */
export interface CpuProfile {
  nodes: {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number };
    children?: number[];
  }[];
  samples: number[];
  timeDeltas: number[];
}

export interface CallNode {
  name: string;
  /** Microseconds in this function itself, and with everything that it called. */
  selfUs: number;
  totalUs: number;
  children: CallNode[];
}

/** What was no work of the process. */
const idleNames = new Set(["(idle)", "(program)"]);

/** Sums the samples of a profile up its call tree; time in which nothing ran is left out. */
export function buildCallTree(profile: CpuProfile): CallNode {
  const self = new Map<number, number>();
  profile.samples.forEach((id, index) => {
    self.set(id, (self.get(id) ?? 0) + Math.max(0, profile.timeDeltas[index] ?? 0));
  });
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const called = new Set(profile.nodes.flatMap(({ children }) => children ?? []));
  const root = profile.nodes.find(({ id }) => !called.has(id));
  if (root === undefined) throw new Error("the profile has no root");
  const build = (id: number): CallNode => {
    const node = byId.get(id)!;
    const children = mergeByName((node.children ?? []).map(build).filter(({ name }) => !idleNames.has(name)));
    const selfUs = self.get(id) ?? 0;
    const totalUs = children.reduce((sum, child) => sum + child.totalUs, selfUs);
    return { name: describe(node.callFrame), selfUs, totalUs, children };
  };
  return build(root.id);
}

/** The same function called from several lines is one. */
function mergeByName(nodes: readonly CallNode[]): CallNode[] {
  return [...Map.groupBy(nodes, ({ name }) => name).values()].map((same) => {
    if (same.length === 1) return same[0]!;
    return {
      name: same[0]!.name,
      selfUs: same.reduce((sum, { selfUs }) => sum + selfUs, 0),
      totalUs: same.reduce((sum, { totalUs }) => sum + totalUs, 0),
      children: mergeByName(same.flatMap(({ children }) => children)),
    };
  });
}

function describe({ functionName, url }: CpuProfile["nodes"][number]["callFrame"]): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url === "") return name;
  const file = url.split("/node_modules/").at(-1)!;
  return `${name} ${file.startsWith("file:") ? file.split("/").slice(-2).join("/") : file}`;
}

/** Self time by where the code comes from, the largest first: a package, `node:…`, our own folder or V8. */
export function sumByOrigin(profile: CpuProfile): { origin: string; us: number }[] {
  const origins = new Map(profile.nodes.map(({ id, callFrame }) => [id, originOf(callFrame)]));
  const sums = new Map<string, number>();
  profile.samples.forEach((id, index) => {
    const origin = origins.get(id)!;
    sums.set(origin, (sums.get(origin) ?? 0) + Math.max(0, profile.timeDeltas[index] ?? 0));
  });
  return [...sums]
    .filter(([origin]) => !idleNames.has(origin))
    .map(([origin, us]) => ({ origin, us }))
    .sort((a, b) => b.us - a.us);
}

function originOf({ functionName, url }: CpuProfile["nodes"][number]["callFrame"]): string {
  const inPackage = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*\/node_modules\/)/.exec(url)?.[1];
  if (inPackage !== undefined) return inPackage;
  if (url.startsWith("node:")) return url.split("/").slice(0, 2).join("/");
  if (url !== "") return /\/(core|server|worker)\//.exec(url)?.[1] ?? "other";
  return functionName.startsWith("(") ? functionName : `native ${functionName}`;
}
