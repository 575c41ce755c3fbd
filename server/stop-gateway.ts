import type { Server as HttpServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Server } from "socket.io";
import type { Connections } from "../core/redis/connections.ts";
import type { GatewayContext } from "./gateway-context.ts";

const answersDeadlineMs = 5000;
/** For connections whose request was not answered in time, and for new ones that ask nothing. */
const connectionsDeadlineMs = 2000;

/**
 * Drains a gateway in the order of PROTOCOL §9: not ready, pollers answered, sockets told to reconnect, what was
 * started finished, connections closed.
 */
export async function stopGateway(parts: {
  context: GatewayContext;
  state: { draining: boolean };
  io: Server;
  server: HttpServer;
  connections: Connections;
  stopTime: () => void;
}): Promise<void> {
  const { context, state, io, server, connections, stopTime } = parts;
  state.draining = true;
  context.logger.info("gateway.draining");
  context.waiter.releaseAll();
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  await context.requestsUnderWay.settle(answersDeadlineMs);
  context.withdrawals.close();
  // Connections that were answered since: whoever keeps one open would else be waited for until it times out.
  server.closeIdleConnections();
  // Transports are closed: after that every Socket.IO client comes back by itself, and after a disconnect none does.
  const left = Promise.all([io.close(), closed]);
  await Promise.race([left, delay(connectionsDeadlineMs, undefined, { ref: false })]);
  server.closeAllConnections();
  await left;
  await context.gate.settle();
  await context.background.settle();
  context.timeouts.close();
  stopTime();
  await context.jobs.close();
  await connections.close();
  context.eventLoop.close();
  context.requestsUnderWay.close();
  context.logger.info("gateway.stopped");
}
