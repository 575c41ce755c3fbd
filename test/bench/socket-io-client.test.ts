import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SocketIoClient } from "../../bench/load/socket-io-client.ts";
import { waitFor } from "../support/wait-for.ts";

let http: HttpServer;
let io: Server;
let url: string;
const clients: SocketIoClient[] = [];

beforeEach(async () => {
  http = createServer();
  io = new Server(http, { transports: ["websocket"], pingInterval: 100, pingTimeout: 100 });
  io.of("/device").use((socket, next) =>
    next(socket.handshake.auth["token"] === "right" ? undefined : new Error("no")),
  );
  for (const name of ["/", "/device"]) {
    io.of(name).on("connection", (socket) => {
      socket.on("repeat", ({ text, times }: { text: string; times: number }, ack: (answer: object) => void) =>
        ack({ text: text.repeat(times) }),
      );
    });
  }
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await io.close();
});

async function open(target: object = {}): Promise<SocketIoClient> {
  const client = await SocketIoClient.open({ url, ...target });
  clients.push(client);
  return client;
}

test.each([
  ["the default namespace", {}],
  ["a namespace of its own", { namespace: "/device", auth: { token: "right" } }],
])("it connects to %s and gets each acknowledgement to its own request", async (_name, target) => {
  const client = await open(target);
  const answers = await Promise.all(["a", "b", "c"].map((text) => client.ask("repeat", { text, times: 2 })));
  expect(answers).toEqual([{ text: "aa" }, { text: "bb" }, { text: "cc" }]);
});

test.each([[1], [125], [126], [5000], [65_000]])("a message of about %d bytes arrives whole", async (length) => {
  const client = await open();
  expect(await client.ask("repeat", { text: "ä", times: length / 2 })).toEqual({ text: "ä".repeat(length / 2) });
});

test("a refused handshake is an error", async () => {
  await expect(open({ namespace: "/device", auth: { token: "wrong" } })).rejects.toThrow("refused");
});

test("it answers pings and is still there after several", async () => {
  const client = await open();
  let pings = 0;
  for (const { conn } of io.of("/").sockets.values()) conn.on("heartbeat", () => (pings += 1));
  await waitFor("three pings are answered", () => pings >= 3);
  expect(client.open).toBe(true);
});

test("it sees that the server has closed the connection", async () => {
  const client = await open();
  io.disconnectSockets(true);
  await waitFor("the socket is closed", () => !client.open);
});
