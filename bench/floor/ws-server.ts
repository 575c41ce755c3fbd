import { createServer } from "node:http";
import { serveBundledWs, type WebSocketLike } from "./bundled-ws.ts";
import { reportReady } from "./report-ready.ts";

/** Bare WebSockets: each client is kept and listened to, and nothing else. */
const clients = new Set<WebSocketLike>();
const server = createServer();
serveBundledWs(server, (client) => {
  clients.add(client);
  client.on("message", () => undefined);
});
await reportReady(server);
