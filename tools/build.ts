import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildBundle, bundleEntries } from "./bundle/build-bundle.ts";

const usage = `Usage: npm run build -- [--out dist]

Writes what the container image runs: gateway, worker and the operator's command, each with all its packages in a few
files. Start them with Node 24: ${Object.keys(bundleEntries)
  .map((name) => `node dist/${name}.mjs`)
  .join(", ")}.`;

const { values } = parseArgs({
  options: { out: { type: "string", default: "dist" }, help: { type: "boolean", default: false } },
});
if (values.help) {
  process.stdout.write(`${usage}\n`);
} else {
  const folder = resolve(values.out);
  const packages = await buildBundle(folder);
  process.stdout.write(
    `Wrote ${folder}: ${Object.keys(bundleEntries).length} programs, ${packages.length} packages inside.\n`,
  );
}
