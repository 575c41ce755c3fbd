import { createServer } from "node:http";
import { Server } from "socket.io";
import { reportReady } from "./report-ready.ts";

/** A plain Socket.IO server as its tutorial writes it, WebSocket only, with one room a socket and nothing else. */
const server = createServer();
const io = new Server(server, { transports: ["websocket"], serveClient: false });
io.on("connection", (socket) => {
  void socket.join(`room:${socket.id}`);
});
await reportReady(server);
