import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { compactVerify, importJWK } from "jose";
import { expect, test } from "vitest";
import { createSigner } from "../../core/keys/signer.ts";

const run = promisify(execFile);
const tool = (name: string) => join(import.meta.dirname, "..", "..", "tools", name);

test("[P11] made signing keys are usable as they are printed, and new each time", async () => {
  const [first, second] = await Promise.all([1, 2].map(() => run(process.execPath, [tool("make-signing-keys.ts")])));
  expect(first!.stdout).not.toBe(second!.stdout);
  const signer = await createSigner(first!.stdout);
  const [published] = signer.jwks.keys;
  expect(published).not.toHaveProperty("d");
  const jws = await signer.sign("callseal-receipt+jwt", { sub: "suid_1" });
  const { protectedHeader } = await compactVerify(jws, await importJWK(published!, "ES256"));
  expect(protectedHeader.kid).toBe(published!.kid);
});

test.each<[number, string | undefined, RequestListener]>([
  [0, undefined, (request, response) => response.writeHead(request.url === "/healthz" ? 200 : 500).end()],
  [
    0,
    "/sandbox/healthz",
    (request, response) => response.writeHead(request.url === "/sandbox/healthz" ? 200 : 500).end(),
  ],
  [1, undefined, (_request, response) => response.writeHead(503).end()],
  [1, undefined, (request) => request.socket.destroy()],
])("[P11] the health check ends with %i for path %s", async (expected, path, answer) => {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const args = [tool("check-health.mjs"), ...(path === undefined ? [] : [path])];
  const outcome = await run(process.execPath, args, { env: { PORT: String(port) } }).then(
    () => 0,
    (error: { code: number }) => error.code,
  );
  server.close();
  expect(outcome).toBe(expected);
});
