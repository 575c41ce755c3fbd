import type { Import } from "./source-tree.ts";

export interface ImportRule {
  /** Holds for files below this folder. */
  folder: string;
  /** Folders of this repository that may be imported, beside the folder itself. */
  mayUse: readonly string[];
  mayUsePackage(name: string): boolean;
}

/** The imports that the first rule for their folder does not allow, one line each. */
export function findForbiddenImports(imports: readonly Import[], rules: readonly ImportRule[]): string[] {
  return imports.flatMap((one) => {
    const rule = rules.find(({ folder }) => one.from.startsWith(`${folder}/`));
    if (rule === undefined) return [];
    const allowed =
      one.path === undefined
        ? rule.mayUsePackage(one.package!)
        : [rule.folder, ...rule.mayUse].some((folder) => one.path!.startsWith(`${folder}/`));
    return allowed ? [] : [`${one.from} imports ${one.path ?? one.package}`];
  });
}

/** Each cycle of files once, as `a -> b -> a`. */
export function findCycles(imports: readonly Import[]): string[] {
  const targets = Map.groupBy(
    imports.filter(({ path }) => path !== undefined),
    ({ from }) => from,
  );
  const finished = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, trail: readonly string[]) => {
    const start = trail.indexOf(file);
    if (start >= 0) {
      cycles.push([...trail.slice(start), file].join(" -> "));
      return;
    }
    if (finished.has(file)) return;
    for (const { path } of targets.get(file) ?? []) visit(path!, [...trail, file]);
    finished.add(file);
  };
  for (const file of targets.keys()) visit(file, []);
  return cycles;
}
