import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isEntry } from "../../sandbox/ledger/ledger-entry.ts";
import { buildBundle, bundleEntries } from "../../tools/bundle/build-bundle.ts";
import { readManifest } from "../structure/source-tree.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { startLiveDeployment } from "../support/live-deployment.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";

const run = promisify(execFile);
const fixture = useGateways();
let folder: string;
let packages: string[];

/** Far from any node_modules: what the bundle needs, it has. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "callseal-bundle-"));
  packages = await buildBundle(folder);
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the bundle", () => {
  test("[P17] verifies and moves a live call, and its processes end with 0", async () => {
    const live = await startLiveDeployment(fixture, { gateways: 0 });
    const { port } = new URL(live.publicUrl);
    const [gateway, worker] = await Promise.all([
      live.spawnGateway({ bundle: folder, environment: { PORT: port } }),
      live.spawnWorker({ bundle: folder }),
    ]);
    const device = await enrolDevice({ ...live, gateway });
    const socket = await openDeviceSocket(fixture, gateway, device);
    const call = live.placeCall();
    const did = await live.heardCode(call);
    const { challenge } = await socket.ask("claim", { did });
    const answer = await socket.ask("confirm", { proof: device.proof(challenge!, { did }) });
    expect(answer).toMatchObject({ ok: true, status: "confirmed" });
    expect(await live.cloud.waitFor(isEntry("ivr.visited", call.sid))).toMatchObject({ page: "verified" });
    const { out } = await callseal(["audit", "verify"], live.environment);
    expect(out).toMatch(/entries/);
    for (const { end } of [worker, gateway]) expect(await end("SIGTERM")).toMatchObject({ code: 0 });
  });

  test("[P17] holds every dependency of the product, under a licence that comes with it", async () => {
    const licences = await readFile(join(folder, "LICENSES.txt"), "utf8");
    for (const name of Object.keys(readManifest("package.json").dependencies!)) {
      expect(packages).toContain(name);
      expect(licences).toContain(`\n${name} `);
    }
    for (const [title] of licences.matchAll(/^\S+ \d\S* \(.*\)$/gm)) expect(title).not.toContain("no licence");
  });

  test("[P17] has a program for each entry, source maps and scripts", async () => {
    const files = await readdir(folder);
    for (const name of Object.keys(bundleEntries)) expect(files).toContain(`${name}.mjs`);
    const mapped = files.filter((file) => file.endsWith(".mjs.map"));
    expect(mapped.map((file) => file.replace(/-.*/, ""))).toEqual(
      expect.arrayContaining(["start", "queues", "callseal.mjs.map"]),
    );
    for (const file of mapped)
      expect(JSON.parse(await readFile(join(folder, file), "utf8"))).toHaveProperty("mappings");
    expect(await readdir(join(folder, "scripts"))).toContain("confirm_session.lua");
  });
});

async function callseal(args: string[], environment: Record<string, string>): Promise<{ out: string }> {
  const { PATH } = process.env;
  const { stdout } = await run(process.execPath, [join(folder, "callseal.mjs"), ...args], {
    cwd: folder,
    env: { PATH, ...environment },
  });
  return { out: stdout };
}
