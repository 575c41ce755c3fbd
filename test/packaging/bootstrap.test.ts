import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { readManifest } from "../structure/source-tree.ts";
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
/** As package.json has it. */
const startGateway = readManifest("package.json").scripts["start:gateway"]!;
const stopsWhenAsked = `
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => { console.log("stopped"); process.exit(0); });
  setInterval(() => undefined, 1000); console.log("pid " + process.pid + " ready.");`;

async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/\) [ZX] /.test(stat);
}

describe("the entry", () => {
  test.each([
    ["demo", "bin/demo.ts"],
    ["start", "bin/start.ts"],
    ["sandbox", "sandbox/main.ts"],
    ["test", "tools/run-tests.ts"],
    ["start:gateway", "server/main.ts"],
    ["start:worker", "worker/main.ts"],
  ])("[P6] %s runs %s with Node 24, its arguments and its exit code", async (task, entry) => {
    await checkout.write(entry, `${echo} process.exitCode = 7;`);
    const run = checkout.bootstrap([task, "--once", "a b"]);
    expect(await run.exit).toBe(7);
    expect(run.output()).toMatch(/^arguments \["--once","a b"\] v(2[4-9]|[3-9]\d)\./m);
  });

  test.each([["nonsense"], ["__proto__"], ["constructor"], [""]])(
    "an unknown task %j shows the usage",
    async (attacker) => {
      const run = checkout.bootstrap([attacker]);
      expect(await run.exit).toBe(1);
      expect(run.output()).toContain("Usage: node tools/bootstrap.mjs demo | test");
    },
  );

  test("[P6] where no Node is new enough the message says which one is needed", async () => {
    await checkout.write("package.json", JSON.stringify({ engines: { node: ">=99.1" } }));
    const run = checkout.bootstrap(["demo"]);
    expect(await run.exit).toBe(1);
    expect(run.output()).toContain(`needs Node >=99.1, and this is ${process.version}`);
    expect(run.output()).toContain("https://nodejs.org");
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "[P6] %s reaches the entry once, however often it is sent at once",
    async (signal) => {
      await checkout.write(
        "server/main.ts",
        `let count = 0;
       process.on("${signal}", () => { count += 1; if (count === 1) setTimeout(() => { console.log("got " + count); process.exit(0); }, 200); });
       setInterval(() => undefined, 1000); console.log("ready");`,
      );
      const run = checkout.bootstrap(["start:gateway"]);
      await run.said("ready");
      for (let time = 0; time < 3; time++) run.child.kill(signal);
      expect(await run.exit).toBe(0);
      expect(run.output()).toContain("got 1");
    },
  );

  test("[P6] an entry that a signal kills is an exit code of 128 and more", async () => {
    await checkout.write("server/main.ts", 'process.kill(process.pid, "SIGKILL"); setInterval(() => undefined, 1000);');
    expect(await checkout.bootstrap(["start:gateway"]).exit).toBe(137);
  });

  test("[P6] when the bootstrap itself is killed the entry is asked to stop", async () => {
    await checkout.write("server/main.ts", stopsWhenAsked);
    const run = checkout.bootstrap(["start:gateway"]);
    await run.said(".");
    const pid = Number(/pid (\d+) /.exec(run.output())?.[1]);
    run.child.kill("SIGKILL");
    await vi.waitFor(async () => expect(await isAlive(pid), "the entry has ended").toBe(false), 5_000);
  });

  test.each([
    ["SIGTERM", 0],
    ["SIGINT", 0],
    ["SIGKILL", null],
  ] as const)("[P6] %s to npm itself ends the entry too", async (signal, code) => {
    await checkout.write(
      "package.json",
      JSON.stringify({ type: "module", engines: { node: ">=24.12" }, scripts: { "start:gateway": startGateway } }),
    );
    await checkout.write("server/main.ts", stopsWhenAsked);
    for (const command of ["npm", "node"]) await checkout.borrow(command);
    const run = checkout.run("npm", ["run", "start:gateway"], { HOME: checkout.bin });
    await run.said("ready.");
    run.child.kill(signal);
    expect(await run.exit).toBe(code);
    expect(run.output()).toContain("stopped");
  });

  test("[P6] what the entry leaves behind in its process group is removed", async () => {
    await checkout.write(
      "bin/demo.ts",
      `import { spawn } from "node:child_process";
       const child = spawn(process.execPath, ["-e", "setInterval(() => undefined, 1000)"], { stdio: "ignore" });
       console.log("left " + child.pid + "."); process.exit(3);`,
    );
    const run = checkout.bootstrap(["demo"]);
    expect(await run.exit).toBe(3);
    const pid = Number(/left (\d+)\./.exec(run.output())?.[1]);
    await vi.waitFor(async () => expect(await isAlive(pid), "the grandchild is gone").toBe(false), 5_000);
  });
});
