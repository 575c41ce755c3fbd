import { expect, test } from "vitest";
import { filesBelow, readText } from "./source-tree.ts";
import { findSpecGaps } from "./spec-gaps.ts";

test("[P14] every rule of docs/SPEC.md has a test, and every id in a test's name has a rule", () => {
  expect(findSpecGaps(readText("docs/SPEC.md"), filesBelow(["test"], [".ts"]))).toEqual({
    repeated: [],
    rulesWithoutTest: [],
    idsWithoutRule: [],
  });
});

test("[P14] the check finds a rule without a test, an id without a rule and an id that stands twice", () => {
  const spec = "# Rules\n\n- **S1** One.\n- **S2** Two.\n- **S3** Three.\n- **S3** Three again.\n- **S4**\n";
  const quote = '"';
  const text = `test(${quote}[S1] one holds${quote});\ntest.each([[1]])(${quote}[S3][X9] three holds${quote});\nconst list = [${quote}[S2]${quote}];`;
  expect(findSpecGaps(spec, [{ path: "test/a.test.ts", text }])).toEqual({
    repeated: ["S3"],
    rulesWithoutTest: ["S2"],
    idsWithoutRule: [`${"[X"}9] in test/a.test.ts`],
  });
});
