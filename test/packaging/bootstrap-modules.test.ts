import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SmallCheckout } from "./small-checkout.ts";

let checkout: SmallCheckout;

beforeEach(async () => {
  checkout = await SmallCheckout.create();
  await checkout.stub("redis-server", "exit 0");
});

afterEach(async () => {
  await checkout.remove();
});

const echo = 'console.log("arguments", JSON.stringify(process.argv.slice(2)), process.version);';
const zod = { "node_modules/zod": { version: "4.6.7", integrity: "sha512-a" } };

/** An npm that records how it was called and installs what the lock wants. */
const npm = `
echo "npm $@" >>"$ROOT/npm.log"; echo "path $PATH" >>"$ROOT/npm.log"
exec ${process.execPath} --input-type=module -e '
  import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
  for (const path of Object.keys(packages)) {
    mkdirSync(path, { recursive: true });
    writeFileSync(path + "/package.json", "{}");
  }
  mkdirSync("node_modules", { recursive: true });
  writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages }));
'`;
const npmLog = () => readFile(join(checkout.root, "npm.log"), "utf8").catch(() => "");

describe("node_modules", () => {
  beforeEach(async () => {
    await checkout.write("bin/demo.ts", echo);
    await checkout.stub("npm", npm);
  });

  test("[P5] a complete tree is left alone", async () => {
    await checkout.lock(zod, zod);
    expect(await checkout.bootstrap(["demo"]).exit).toBe(0);
    expect(await npmLog()).toBe("");
  });

  test.each([
    ["is absent", zod, undefined],
    ["lacks a package", zod, {}],
    ["has another version", zod, { "node_modules/zod": { version: "4.6.6", integrity: "sha512-a" } }],
    ["has other contents", zod, { "node_modules/zod": { version: "4.6.7", integrity: "sha512-b" } }],
    [
      "lacks an optional package for this platform",
      { "node_modules/here": { version: "1.0.0", optional: true, os: [process.platform], cpu: [process.arch] } },
      {},
    ],
  ])(
    "[P5] a tree that %s is installed from the lock, dev and optional packages too",
    async (_what, wanted, installed) => {
      await checkout.lock(wanted, installed);
      const run = checkout.bootstrap(["demo"], { NODE_ENV: "production" });
      expect(await run.exit).toBe(0);
      expect(run.output()).toContain("installing dependencies with npm ci");
      const log = await npmLog();
      expect(log.match(/^npm /gm)).toHaveLength(1);
      expect(log).toContain("npm ci --include=dev --include=optional");
      expect(log).not.toContain("node_modules/.bin");
      expect(await checkout.bootstrap(["demo"]).exit).toBe(0);
      expect(await npmLog()).toBe(log);
    },
  );

  test("[P5] a package whose folder was removed is installed again", async () => {
    await checkout.lock(zod, zod);
    await rm(join(checkout.root, "node_modules", "zod"), { recursive: true });
    expect(await checkout.bootstrap(["demo"]).exit).toBe(0);
    expect(await npmLog()).toContain("npm ci");
  });

  test("[P5] optional packages for other platforms may be absent", async () => {
    await checkout.lock(
      {
        "node_modules/elsewhere": { version: "1.0.0", optional: true, os: ["plan9"] },
        "node_modules/other-cpu": { version: "1.0.0", optional: true, os: [process.platform], cpu: ["pdp11"] },
        "node_modules/any": { version: "1.0.0", optional: true },
      },
      {},
    );
    expect(await checkout.bootstrap(["demo"]).exit).toBe(0);
    expect(await npmLog()).toBe("");
  });

  test("[P5] two commands at once install once", async () => {
    await checkout.lock(zod, undefined);
    const runs = [checkout.bootstrap(["demo"]), checkout.bootstrap(["demo"])];
    expect(await Promise.all(runs.map(({ exit }) => exit))).toEqual([0, 0]);
    expect((await npmLog()).match(/^npm /gm)).toHaveLength(1);
  });

  test("[P5] the lock of a process that is gone stops nobody", async () => {
    await checkout.lock(zod, undefined);
    for (const attacker of ["999999999", "", "-1", "not a number"]) {
      await checkout.write(".data/install.lock", attacker);
      expect(await checkout.bootstrap(["demo"]).exit).toBe(0);
    }
  });

  test("[P5] a failing npm is the end, with its exit code shown", async () => {
    await checkout.lock(zod, undefined);
    await checkout.stub("npm", "echo no network >&2; exit 9");
    const run = checkout.bootstrap(["demo"]);
    expect(await run.exit).toBe(1);
    expect(run.output()).toContain("no network");
    expect(run.output()).toContain("npm ci failed (exit code 9)");
    expect(run.output()).not.toContain("arguments");
  });

  test.each(["start:gateway", "start:worker"])(
    "[P7] %s installs nothing: without node_modules it says so",
    async (task) => {
      await checkout.lock(zod, undefined);
      const run = checkout.bootstrap([task]);
      expect(await run.exit).toBe(1);
      expect(run.output()).toContain("run npm ci --omit=dev first");
      expect(await npmLog()).toBe("");
    },
  );

  test.each([
    ["start:gateway", "server/main.ts"],
    ["start:worker", "worker/main.ts"],
  ])("[P7] %s starts with what is there, without Redis on PATH", async (task, entry) => {
    await checkout.write(entry, echo);
    await checkout.lock(zod, {});
    await rm(join(checkout.bin, "redis-server"));
    const run = checkout.bootstrap([task]);
    expect(await run.exit).toBe(0);
    expect(await npmLog()).toBe("");
  });
});
