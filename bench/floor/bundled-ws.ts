import type { IncomingMessage, Server } from "node:http";
import { createRequire } from "node:module";
import type { Duplex } from "node:stream";

interface WebSocketServer {
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, done: (client: WebSocketLike) => void): void;
}

export interface WebSocketLike {
  on(event: "message", listener: (data: Buffer) => void): void;
}

type Module = { WebSocketServer: new (options: object) => WebSocketServer };

/** The very `ws` that Socket.IO runs on, so that both are compared in one version and nothing is installed for it. */
export function serveBundledWs(server: Server, onClient: (client: WebSocketLike) => void): void {
  const fromSocketIo = createRequire(createRequire(import.meta.url).resolve("socket.io"));
  const fromEngineIo = createRequire(fromSocketIo.resolve("engine.io"));
  const { WebSocketServer } = fromEngineIo("ws") as Module;
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on("upgrade", (request, socket, head) => sockets.handleUpgrade(request, socket, head, onClient));
}
