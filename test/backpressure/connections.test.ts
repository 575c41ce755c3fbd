import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { type TestGateway, useGateways } from "../support/gateway.ts";
import { send } from "../support/send.ts";
import { readCapacity } from "./read-capacity.ts";

const fixture = useGateways();

/** A connection of which every byte that comes is kept, and its end. */
async function dial(gateway: TestGateway): Promise<{ socket: Socket; heard: () => string; closed: Promise<unknown> }> {
  const socket = connect(gateway.port, "127.0.0.1");
  fixture.closeAfter(() => socket.destroy());
  let heard = "";
  socket.on("data", (chunk) => (heard += chunk.toString("latin1")));
  socket.on("error", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await once(socket, "connect");
  return { socket, heard: () => heard, closed };
}

test("[S51] beyond their cap connections are dropped as they come, and counted, and those that are there are served", async () => {
  const deployment = await fixture.start({ environment: { CALLSEAL_MAX_CONNECTIONS: "3" } });
  const { gateway } = deployment;
  // The probe's own connection is kept alive, and is the first of the three.
  expect((await send(gateway, "GET /healthz")).status).toBe(200);
  const held = [await dial(gateway), await dial(gateway)];
  const attacker = await dial(gateway);
  await attacker.closed;
  expect(attacker.heard()).toBe("");
  expect(await readCapacity(deployment, "refused_total", "connections")).toBe(1);
  held[0]!.socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  await held[0]!.closed;
  expect(held[0]!.heard()).toContain("200 OK");
  const next = await dial(gateway);
  next.socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  await next.closed;
  expect(next.heard()).toContain("200 OK");
});

test("[S51] a connection on which no request comes to its end is closed within half a minute", async () => {
  const { gateway } = await fixture.start();
  const startedAt = performance.now();
  const attackers = [];
  for (const attacker of [
    "",
    "GET /healthz HTTP/1.1\r\nHost: x\r\n",
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n",
  ]) {
    const dialled = await dial(gateway);
    dialled.socket.write(attacker);
    attackers.push(dialled);
  }
  await Promise.all(attackers.map(({ closed }) => closed));
  expect(performance.now() - startedAt).toBeLessThan(28_000);
}, 40_000);
