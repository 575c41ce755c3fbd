import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("[V60] the sandbox imports nothing of core, server, worker or the client SDK", () => {
  const files = globSync("sandbox/**/*.ts");
  expect(files.length).toBeGreaterThan(30);
  const foreign = files.flatMap((file) => {
    const specifiers = [...readFileSync(file, "utf8").matchAll(/from "(\.[^"]+)"/g)].map(
      ([, specifier]) => specifier ?? "",
    );
    return specifiers
      .map((specifier) => new URL(specifier, `file:///${file}`).pathname)
      .filter((path) => !path.startsWith("/sandbox/"));
  });
  expect(foreign).toEqual([]);
});
