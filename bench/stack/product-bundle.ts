import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBundle } from "../../tools/bundle/build-bundle.ts";

let built: Promise<string> | undefined;

/** The folder of the bundle that the container image runs, built once and removed with this process. */
export function productBundle(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "callseal-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const bundle = join(folder, "dist");
  await buildBundle(bundle);
  return bundle;
}
