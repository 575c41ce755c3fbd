import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Reporter, SerializedError } from "vitest/node";

const file = join(import.meta.dirname, "..", "..", ".vitest", "unhandled-errors.json");

/** vitest's JSON report leaves out errors that belong to no test, and such a run fails; this writes them beside it. */
export class UnhandledErrorReporter implements Reporter {
  async onTestRunEnd(_modules: unknown, unhandledErrors: readonly SerializedError[]): Promise<void> {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, JSON.stringify(unhandledErrors.map(({ message }) => message.split("\n", 1)[0])));
  }
}

// vitest takes a reporter of a path by its default export.
export { UnhandledErrorReporter as default };
