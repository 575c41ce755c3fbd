import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type OutputChunk, rolldown } from "rolldown";
import { describeLicences } from "./describe-licences.ts";

const root = join(import.meta.dirname, "..", "..");

/** What the container image runs, by name: `dist/<name>.mjs`. */
export const bundleEntries = {
  server: "server/main.ts",
  worker: "worker/main.ts",
  callseal: "bin/callseal.ts",
} as const;

/** Files that are opened beside the module that names them. */
export const bundledFolders = { "core/redis/scripts": "scripts" } as const;

/** Native speed-ups, each optional for whoever asks for it: they cannot be in a file of text. */
const native = ["msgpackr-extract", "bufferutil", "utf-8-validate"];

/**
 * Writes gateway, worker and the operator's command with all their packages into a few files, which load in a third of
 * the time that hundreds take; beside them their source maps, the Lua scripts and the licences of what is inside. The
 * folder is emptied first. Resolves with the names of the packages that are inside.
 */
export async function buildBundle(folder: string): Promise<string[]> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const input = Object.fromEntries(Object.entries(bundleEntries).map(([name, entry]) => [name, join(root, entry)]));
  await using bundle = await rolldown({
    input,
    cwd: root,
    platform: "node",
    external: native,
    onLog: (level, log) => {
      if (level === "warn") throw new Error(log.message);
    },
  });
  const { output } = await bundle.write({
    dir: folder,
    format: "esm",
    sourcemap: true,
    entryFileNames: "[name].mjs",
    chunkFileNames: "[name]-[hash].mjs",
  });
  for (const [source, target] of Object.entries(bundledFolders)) {
    await cp(join(root, source), join(folder, target), { recursive: true });
  }
  const chunks = output.filter((file): file is OutputChunk => file.type === "chunk");
  const licences = await describeLicences(chunks.flatMap(({ moduleIds }) => moduleIds));
  await writeFile(join(folder, "LICENSES.txt"), licences.text);
  return licences.packages;
}
