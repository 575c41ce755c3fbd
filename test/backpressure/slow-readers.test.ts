import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import express from "express";
import { expect, onTestFinished, test } from "vitest";
import { RequestsUnderWay } from "../../server/http/requests-under-way.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { waitFor } from "../support/wait-for.ts";
import { readLabelled, waitForUsed } from "./read-capacity.ts";
import { frame, upgrade } from "./upgrade.ts";

const fixture = useGateways();
const cuts = 'callseal_sockets_cut_total{reason="slow_reader"}';

/** More than the kernel buffers between two ends of the loopback take. */
const muchBytes = 32_000_000;

test("[D29] a socket that never reads is cut off once it has 128 KiB unread, and no other socket is", async () => {
  const deployment = await fixture.start();
  const device = await enrolDevice(deployment);
  const other = await openDeviceSocket(fixture, deployment.gateway, await enrolDevice(deployment));
  const { socket } = await upgrade(fixture, deployment.gateway);
  socket!.write(frame(`40/device,${JSON.stringify({ token: device.token() })}`));
  await waitForUsed(deployment, "sockets", 2);
  // Pings of 125 bytes, each of which asks for a pong as large: no frame of the application, so no flood.
  const pings = Buffer.concat(Array.from({ length: 500 }, () => frame("x".repeat(125), 9)));
  const writeOn = () => {
    while (!socket!.destroyed && socket!.write(pings));
  };
  const closed = new Promise((resolve) => socket!.once("close", resolve));
  socket!.on("drain", writeOn);
  writeOn();
  const startedAt = performance.now();
  await closed;
  // At the excess itself: engine.io's next heartbeat would come after 25 s.
  expect(performance.now() - startedAt).toBeLessThan(15_000);
  expect(await readLabelled(deployment, cuts)).toBe(1);
  await waitForUsed(deployment, "sockets", 1);
  expect(await other.ask("claim", { did: "000000" })).toMatchObject({ code: "wrong_did" });
}, 60_000);

test("[S48] an answer that nobody takes is cut off, and one that is taken slowly is not", async () => {
  const underWay = new RequestsUnderWay({ withinMs: 300 });
  const app = express();
  app.use(underWay.count);
  app.get("/large", (_request, response) => void response.send(Buffer.alloc(muchBytes)));
  const held: (() => void)[] = [];
  app.get("/held", (_request, response) => void held.push(() => response.send("held")));
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    underWay.close();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const attacker = connect(port, "127.0.0.1");
  attacker.on("error", () => undefined);
  const patient = connect(port, "127.0.0.1");
  let heard = "";
  patient.on("data", (chunk) => (heard += chunk.toString("latin1")));
  // The second answer is complete at once and waits behind the first, which takes its time.
  patient.write("GET /held HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  attacker.write("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  await waitFor("three requests are under way", () => underWay.size === 3);
  await waitFor("one is cut off", () => underWay.size < 3);
  expect(underWay.size).toBe(2);
  held[0]!();
  await once(patient, "close");
  expect(heard).toMatch(/held[\s\S]*HTTP\/1.1 404/);
  attacker.resume();
  await once(attacker, "close");
  expect(attacker.bytesRead).toBeLessThan(muchBytes);
}, 30_000);
