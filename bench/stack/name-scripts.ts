import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { readScript, scripts } from "../../core/redis/scripts.ts";

interface BullMqScript {
  name: string;
  content: string;
}

/**
 * What an EVALSHA runs, by its digest: our own scripts by their file, BullMQ's by theirs. A digest that is not among
 * them belongs to a library's inline script.
 */
export function nameScripts(outboxLimit: number): ReadonlyMap<string, string> {
  const prelude = `local PUBLISH = "PUBLISH"\nlocal OUTBOX_LIMIT = ${outboxLimit}\n${readScript("lib/session")}`;
  const ours = Object.keys(scripts).map((name) => [digest(prelude + readScript(name)), name] as const);
  return new Map([
    ...ours,
    ...bullMqScripts().map(({ name, content }) => [digest(content), `bullmq ${name}`] as const),
  ]);
}

function bullMqScripts(): BullMqScript[] {
  const require = createRequire(import.meta.url);
  const folder = join(dirname(require.resolve("bullmq")), "scripts");
  return readdirSync(folder)
    .filter((file) => file.endsWith(".js") && file !== "index.js")
    .flatMap((file) => Object.values(require(join(folder, file)) as Record<string, BullMqScript>))
    .filter((script) => typeof script?.content === "string");
}

function digest(lua: string): string {
  return createHash("sha1").update(lua).digest("hex");
}
