import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take a minute and more: begun last, one of them would run on alone while the other workers have nothing to do. */
const longest = [
  "test/fuzz/fuzz.test.ts",
  "test/fault/fault-runs.test.ts",
  "test/worker/worker-process.test.ts",
  "test/twilio/degraded.test.ts",
  "test/http/many-polls.test.ts",
  "test/bench/harness.test.ts",
  "test/durability/failover.test.ts",
];

/** The longest test files first, and all others as Vitest has them. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = longest.indexOf(relative(this.ctx.config.root, moduleId));
      return index < 0 ? longest.length : index;
    };
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}
