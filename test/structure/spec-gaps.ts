import type { SourceFile } from "./source-tree.ts";

export interface SpecGaps {
  /** Rules that stand twice under one id. */
  repeated: string[];
  rulesWithoutTest: string[];
  /** The id and its file, for each id in a test's name that no rule has. */
  idsWithoutRule: string[];
}

const rule = /^- \*\*([A-Z]\d+)\*\* \S/gm;
/** A string that begins with ids is the name of a test: `"[S1][S2] a second confirm …"`. */
const idsOfName = /["'`]((?:\[[A-Z]\d+\])+) /g;

/** Compares the rules of docs/SPEC.md (`- **S1** sentence`) with the ids at the head of test names. */
export function findSpecGaps(spec: string, tests: readonly SourceFile[]): SpecGaps {
  const rules = [...spec.matchAll(rule)].map(([, id]) => id!);
  const cited = tests.flatMap(({ path, text }) =>
    [...text.matchAll(idsOfName)].flatMap(([, ids]) =>
      ids!
        .slice(1, -1)
        .split("][")
        .map((id) => ({ id, path })),
    ),
  );
  const known = new Set(rules);
  const tested = new Set(cited.map(({ id }) => id));
  return {
    repeated: rules.filter((id, index) => rules.indexOf(id) !== index),
    rulesWithoutTest: rules.filter((id) => !tested.has(id)),
    idsWithoutRule: [...new Set(cited.filter(({ id }) => !known.has(id)).map(({ id, path }) => `[${id}] in ${path}`))],
  };
}
