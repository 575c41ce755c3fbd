import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
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

describe("Redis", () => {
  const debianScript = "tools/bootstrap/install-redis-debian.sh";

  beforeEach(async () => {
    for (const entry of ["bin/demo.ts", "bin/start.ts", "sandbox/main.ts"]) await checkout.write(entry, echo);
    await rm(join(checkout.bin, "redis-server"));
    await checkout.stub("apt-get", "exit 1");
    // Whoever runs these tests: root goes direct, everybody else through sudo.
    await checkout.stub("sudo", 'shift; exec "$@"');
  });

  /** What the Debian script would do, seen from outside. */
  const installs =
    'echo "installing with $1"; printf "#!/bin/sh\\n" >"$BIN/redis-server"; /bin/chmod 755 "$BIN/redis-server"';

  test.each(["demo", "start"])("[P5] %s installs redis-server by apt-get where it is missing", async (task) => {
    await checkout.write(debianScript, installs);
    const run = checkout.bootstrap([task]);
    expect(await run.exit).toBe(0);
    expect(run.output()).toContain("redis-server is not on PATH; installing it with apt-get");
    expect(run.output()).toContain("installing with /usr/sbin/policy-rc.d");
    expect(run.output()).toContain("arguments []");
  });

  test("[P5] a valkey-server on PATH is as good", async () => {
    await checkout.stub("valkey-server", "exit 0");
    const run = checkout.bootstrap(["demo"]);
    expect(await run.exit).toBe(0);
    expect(run.output()).not.toContain("installing");
  });

  test("[P5] start with a REDIS_URL, and the sandbox, need no Redis here", async () => {
    await rm(join(checkout.bin, "apt-get"));
    expect(await checkout.bootstrap(["start"], { REDIS_URL: "redis://db.example" }).exit).toBe(0);
    expect(await checkout.bootstrap(["sandbox"]).exit).toBe(0);
  });

  test.each([
    ["dnf", "sudo dnf install valkey"],
    ["apk", "sudo apk add redis"],
    ["pacman", "sudo pacman -S valkey"],
    ["brew", "brew install redis"],
  ])("[P5] %s that fails leads to exactly what to type", async (manager, typed) => {
    await rm(join(checkout.bin, "apt-get"));
    await checkout.stub(manager, "exit 5");
    const run = checkout.bootstrap(["demo"]);
    expect(await run.exit).toBe(1);
    expect(run.output()).toContain(`${manager} could not install redis-server (exit code 5); type: ${typed}`);
    expect(run.output()).toContain("and then again: npm run demo");
  });

  test("[P5] an installation that brings no binary is not believed", async () => {
    await checkout.write(debianScript, "exit 0");
    const run = checkout.bootstrap(["demo"]);
    expect(await run.exit).toBe(1);
    expect(run.output()).toContain("still there is no redis-server on PATH");
  });

  test("[P5] without any package manager the message names what is missing", async () => {
    await rm(join(checkout.bin, "apt-get"));
    const run = checkout.bootstrap(["demo"]);
    expect(await run.exit).toBe(1);
    expect(run.output()).toContain("Install Redis or Valkey, then: npm run demo");
  });

  test("a folder called redis-server on PATH is not a server", async () => {
    await rm(join(checkout.bin, "apt-get"));
    await mkdir(join(checkout.bin, "redis-server"));
    expect(await checkout.bootstrap(["demo"]).exit).toBe(1);
  });
});
