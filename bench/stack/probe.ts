import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { getHeapSnapshot } from "node:v8";
import { serveCalls } from "./remote-calls.ts";

/**
 * Loaded into a measured process by `--import`, so that the production entry itself stays as it is: answers what its
 * memory is after garbage collection, and writes its heap snapshot.
 */
serveCalls({
  memory: async () => {
    await collectGarbage();
    return process.memoryUsage();
  },
  snapshot: async (path: string) => {
    await collectGarbage();
    await pipeline(getHeapSnapshot(), createWriteStream(path));
  },
});

/** V8's, with the options that Node's types do not know: the most thorough collection, which also gives pages back. */
type Collect = (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

/** Several collections: finalizers and weak references take more than one. */
async function collectGarbage(): Promise<void> {
  const collect = globalThis.gc as Collect | undefined;
  if (collect === undefined) throw new Error("this process runs without --expose-gc");
  for (let turn = 0; turn < 4; turn += 1) {
    collect({ type: "major", execution: "sync", flavor: "last-resort" });
    await new Promise((resolve) => setImmediate(resolve));
  }
}
