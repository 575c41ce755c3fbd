import { mkdir, rm } from "node:fs/promises";
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
