import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Server } from "socket.io";
import { type ServerOptions, WebSocketServer } from "ws";
import type { Connections, RedisClient } from "../core/redis/connections.ts";
import { CallsealError } from "../core/verification/errors.ts";
import { handshakeError } from "./device/acknowledge.ts";

/** A proof has at most 4 KiB; nothing an app sends is much larger. */
const largestFrameBytes = 16_384;
const handshakeDeadlineMs = 10_000;
const closeDeadlineMs = 2000;

/** As the `ws` of Socket.IO, but a peer that does not answer a close is left after two seconds instead of thirty. */
class WebSocketEngine extends WebSocketServer {
  constructor(options: ServerOptions) {
    super({ ...options, closeTimeout: closeDeadlineMs } as ServerOptions);
  }
}

/**
 * The Socket.IO server of apps and consoles: WebSocket only, nothing compressed, and no recovery of a connection's
 * state, since that would let a revoked device back in without authentication. The Redis adapter carries what one
 * gateway sends to the sockets of another; under Cluster it is sharded, and static because the dynamic mode loses
 * messages to rooms that were joined a moment ago. It is attached to the HTTP server once its namespaces are served:
 * before that it would let anybody in.
 */
export function openSockets(connections: Connections, prefix: string): Server {
  const publisher = tolerateLoss(connections.open("adapter"));
  const subscriber = tolerateLoss(connections.open("adapter"));
  const adapter = connections.sharded
    ? createShardedAdapter(publisher, subscriber, { channelPrefix: `${prefix}:socket.io`, subscriptionMode: "static" })
    : createAdapter(publisher, subscriber, { key: `${prefix}:socket.io` });
  const io = new Server({
    adapter,
    transports: ["websocket"],
    serveClient: false,
    perMessageDeflate: false,
    httpCompression: false,
    maxHttpBufferSize: largestFrameBytes,
    connectTimeout: handshakeDeadlineMs,
    wsEngine: WebSocketEngine,
  });
  // The default namespace exists whether it is wanted or not, and would hold sockets that nobody authenticated.
  io.use((_socket, next) => next(handshakeError(new CallsealError("not_found"))));
  return io;
}

interface Sending {
  sendCommand(command: { promise: Promise<unknown> }, ...rest: unknown[]): unknown;
}

/**
 * The adapter looks at the result of no command that it sends. One that is still under way when the connection is closed
 * is lost with it on purpose, and is no unhandled rejection.
 */
function tolerateLoss(client: RedisClient): RedisClient {
  const sending = client as unknown as Sending;
  const send = sending.sendCommand.bind(client);
  sending.sendCommand = (command, ...rest) => {
    command.promise.catch(() => undefined);
    return send(command, ...rest);
  };
  return client;
}
