import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SmallCheckout } from "./small-checkout.ts";

let checkout: SmallCheckout;
let policy: string;

beforeEach(async () => {
  checkout = await SmallCheckout.create();
  policy = join(checkout.bin, "policy-rc.d");
  for (const command of ["chmod", "rm"]) await checkout.borrow(command);
});

afterEach(async () => {
  await checkout.remove();
});

/** An apt-get that asks, as invoke-rc.d would, whether a service may be started. */
const aptGet = 'echo "apt-get $1"; [ "$1" = update ] || { "$BIN/policy-rc.d"; echo "policy says $?"; }';
const install = () => checkout.run("sh", ["tools/bootstrap/install-redis-debian.sh", policy]);

test("[P8] no service is started while redis-server is installed, and the ban is lifted afterwards", async () => {
  await checkout.stub("apt-get", aptGet);
  const run = install();
  expect(await run.exit).toBe(0);
  expect(run.output()).toBe("apt-get update\napt-get install\npolicy says 101\n");
  await expect(access(policy)).rejects.toMatchObject({ code: "ENOENT" });
});

test("[P8] an administrator's own policy stays as it is", async () => {
  await checkout.stub("apt-get", aptGet);
  await checkout.stub("policy-rc.d", "exit 104");
  const before = await readFile(policy, "utf8");
  const run = install();
  expect(await run.exit).toBe(0);
  expect(run.output()).toContain("policy says 104");
  expect(await readFile(policy, "utf8")).toBe(before);
});

test("[P8] a failed installation fails and lifts the ban too", async () => {
  await checkout.stub("apt-get", "exit 100");
  expect(await install().exit).toBe(100);
  await expect(access(policy)).rejects.toMatchObject({ code: "ENOENT" });
});

test("[P8] a broken package source does not stop the installation", async () => {
  await checkout.stub("apt-get", '[ "$1" != update ]');
  const run = install();
  expect(await run.exit).toBe(0);
  expect(run.output()).toContain("going on with the lists at hand");
});

test("[P8] what is enabled for the next boot is disabled", async () => {
  await checkout.stub("apt-get", "exit 0");
  await writeFile(join(checkout.bin, "log"), "");
  for (const command of ["systemctl", "update-rc.d"]) await checkout.stub(command, `echo "${command} $*"`);
  const run = install();
  expect(await run.exit).toBe(0);
  expect(run.output()).toMatch(/systemctl disable --now redis-server\.service|update-rc\.d redis-server disable/);
});
