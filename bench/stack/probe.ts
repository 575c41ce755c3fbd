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

/** Several collections: finalizers and weak references take more than one. */
async function collectGarbage(): Promise<void> {
  if (globalThis.gc === undefined) throw new Error("this process runs without --expose-gc");
  for (let turn = 0; turn < 4; turn += 1) {
    globalThis.gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
