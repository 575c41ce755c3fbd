import { execFile } from "node:child_process";
import { access, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const sdk = join(root, "client-sdk");
const tsc = join(root, "node_modules/.bin/tsc");

interface Manifest {
  exports: Record<string, string | { types: string; import: string }>;
  dependencies: Record<string, string>;
}
let manifest: Manifest;
/** Inside node_modules, so that the package is found by its name, as an app finds it. */
let folder: string;

beforeAll(async () => {
  manifest = JSON.parse(await readFile(join(sdk, "package.json"), "utf8")) as Manifest;
  await rm(join(sdk, "dist"), { recursive: true, force: true });
  await run(tsc, ["-p", sdk]);
  folder = await mkdtemp(join(root, "node_modules/.callseal-sdk-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const targets = () =>
  Object.values(manifest.exports).flatMap((target) => (typeof target === "string" ? [target] : Object.values(target)));

test("[K31] the package holds its build, README, LICENSE and manifest, and nothing else", async () => {
  const { stdout } = await run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: sdk });
  const parsed = JSON.parse(stdout) as unknown;
  const [pack] = (Array.isArray(parsed) ? parsed : Object.values(parsed as object)) as { files: { path: string }[] }[];
  const paths = pack?.files.map(({ path }) => path) ?? [];
  expect(paths.filter((path) => !path.startsWith("dist/")).sort()).toEqual(["LICENSE", "README.md", "package.json"]);
  expect(paths.filter((path) => !/\.(js|d\.ts|md|json)$|LICENSE/.test(path))).toEqual([]);
  for (const target of targets()) expect(paths).toContain(target.slice(2));
});

test("[K31] it depends on jose and socket.io-client alone", () => {
  expect(Object.keys(manifest.dependencies)).toEqual(["jose", "socket.io-client"]);
});

/** Everything that a module reaches by static imports: own files, and names of packages. */
async function reach(entry: string, seen = new Set<string>()): Promise<Set<string>> {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  const source = await readFile(join(sdk, entry), "utf8");
  for (const [, name = ""] of source.matchAll(/(?:from\s+|import\s+|import\()"([^"]+)"/g)) {
    if (!name.startsWith(".")) seen.add(name);
    else await reach(relative(sdk, resolve(sdk, dirname(entry), name)), seen);
  }
  return seen;
}
const packagesOf = async (entry: string) =>
  [...(await reach(entry))].filter((name) => !name.startsWith("dist/")).sort();

describe("[K32] what a bundler follows", () => {
  test("the device entry reaches no module of Node", async () => {
    expect(await packagesOf("dist/device/index.js")).toEqual(["jose", "socket.io-client"]);
  });
  test("the IVR entry reaches no module of Node and no socket", async () => {
    expect(await packagesOf("dist/ivr/index.js")).toEqual(["jose"]);
  });
  test("the file key store is reached by its own entry alone", async () => {
    expect(await packagesOf("dist/device/node.js")).toEqual(["node:crypto", "node:fs/promises", "node:path"]);
  });
  test("every relative import of the build names a file that is there", async () => {
    const files = (await readdir(join(sdk, "dist"), { recursive: true })).filter((path) => path.endsWith(".js"));
    for (const file of files)
      for (const path of await reach(`dist/${file}`)) {
        if (path.startsWith("dist/")) await access(join(sdk, path));
      }
    expect(files.length).toBeGreaterThan(30);
  });
});

test("[K32] the sources need neither Node's types nor Node's globals, except the file key store", async () => {
  await run(tsc, ["-p", join(sdk, "tsconfig.browser.json")]);
});

const script = `
import assert from "node:assert/strict";
import { connectDevice, memoryKeyStore, CallsealSdkError } from "@callseal/client-sdk/device";
import { fileKeyStore } from "@callseal/client-sdk/device/node";
import { SessionsClient, verifyWebhook, interceptWebhook } from "@callseal/client-sdk/ivr";
for (const algorithm of ["ES256", "EdDSA"]) for (const store of [memoryKeyStore(), fileKeyStore({ path: "x" })]) {
  const key = await store.generateKey({ algorithm, purpose: "device" });
  assert.equal((await key.sign(new Uint8Array(8))).length, 64);
}
await assert.rejects(connectDevice({ keyStore: memoryKeyStore() }), CallsealSdkError);
const { id } = await verifyWebhook({
  secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
  headers: { "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
  body: new TextEncoder().encode('{"test": 2432232314}'), nowMs: 1614265330000 });
const sessions = new SessionsClient({ baseUrl: "http://127.0.0.1:1", apiKey: "k", maxAttempts: 1 });
await assert.rejects(sessions.get("csn_1"), { code: "network" });
assert.equal(typeof interceptWebhook, "function");
console.log(id);
`;

/** The running Node and every other one from 20 on that PATH has. */
async function nodes(): Promise<string[]> {
  const found = new Map<string, string>();
  const candidates = [process.execPath, ...(process.env["PATH"] ?? "").split(delimiter).map((at) => join(at, "node"))];
  for (const candidate of candidates) {
    const version = await run(candidate, ["--version"]).then(
      ({ stdout }) => stdout.trim(),
      () => "",
    );
    if (Number.parseInt(version.slice(1), 10) >= 20) found.set(version, candidate);
  }
  return [...found.values()];
}

test("[K33] the build runs under every Node from 20 on that this machine has", async () => {
  const file = join(folder, "use.mjs");
  await writeFile(file, script);
  for (const node of await nodes()) {
    const { stdout, stderr } = await run(node, [file], { cwd: folder });
    expect([stdout.trim(), stderr]).toEqual(["msg_p5jXN8AQM9LWM0D4loKWxJek", ""]);
  }
});

test("[K33] every example of the README compiles against the built types", async () => {
  const readme = await readFile(join(sdk, "README.md"), "utf8");
  const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ""]) => code);
  const files = await Promise.all(
    examples.map(async (code, index) => {
      const file = join(folder, `example-${index}.mts`);
      await writeFile(file, code);
      return file;
    }),
  );
  const settings =
    "--noEmit --strict --exactOptionalPropertyTypes --skipLibCheck false --module nodenext --target es2022 --types node";
  await run(tsc, [...settings.split(" "), "--ignoreConfig", ...files]).catch((error: { stdout: string }) => {
    throw new Error(error.stdout);
  });
  expect(files.length).toBeGreaterThanOrEqual(5);
});
