import type { Server as HttpServer, RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { Config } from "../core/config/config.ts";
import { answerStarting } from "../core/http/answer-starting.ts";
import { endUnreadBodies } from "../core/http/end-unread-bodies.ts";
import { createGuardedServer } from "../core/http/guarded-server.ts";
import type { Logger } from "../core/logging/create-logger.ts";
import { createConnections } from "../core/redis/connections.ts";
import { printDemoKeys } from "../core/tenants/print-demo-keys.ts";
import { mostConnections } from "./admission/admission.ts";
import { createApp } from "./app.ts";
import { checkReadiness } from "./check-readiness.ts";
import { composeGateway } from "./compose-gateway.ts";
import { serveConsoles } from "./console/console-namespace.ts";
import { serveDevices } from "./device/device-namespace.ts";
import { deviceNamespace } from "./device/device-sockets.ts";
import { keepTime } from "./keep-time.ts";
import { openSockets } from "./open-sockets.ts";
import { stopGateway } from "./stop-gateway.ts";

export interface Gateway {
  url: string;
  port: number;
  /** Drains and stops: idempotent, done within ten seconds. */
  close(): Promise<void>;
}

/** Starts a gateway over the Redis at `REDIS_URL` and logs one line with its URL when it is ready. */
export async function startGateway(config: Config & { REDIS_URL: string }, logger: Logger): Promise<Gateway> {
  const connections = createConnections(config.REDIS_URL, (role, err) => logger.warn({ role, err }, "redis.failed"));
  let handle: RequestListener = answerStarting;
  const server = createGuardedServer((request, response) => handle(request, response), {
    mostConnections: mostConnections(config),
  });
  try {
    const port = await listen(server, config);
    const publicUrl = config.CALLSEAL_PUBLIC_URL ?? `http://localhost:${port}`;
    const io = openSockets(connections, config.CALLSEAL_REDIS_PREFIX);
    const context = await composeGateway({ config, connections, logger, publicUrl, io });
    if (config.CALLSEAL_CONFIG === undefined) printDemoKeys(context.tenants, (text) => process.stdout.write(text));
    const state = { draining: false };
    const stopTime = keepTime(context.clock);
    serveDevices(deviceNamespace(io), context);
    serveConsoles(io, context);
    io.attach(server);
    context.gate.guard(server, io);
    endUnreadBodies(server);
    await context.statusChannel.untilReady();
    server.on("drop", context.admission.noteDropped);
    handle = createApp(context, {
      trustProxy: config.CALLSEAL_TRUST_PROXY,
      checkReadiness: () => checkReadiness(context, state),
    });
    logger.info({ url: publicUrl, port }, "gateway.ready");
    let closing: Promise<void> | undefined;
    return {
      url: publicUrl,
      port,
      close: () => {
        closing ??= stopGateway({ context, state, io, server, connections, stopTime });
        return closing;
      },
    };
  } catch (error) {
    server.close();
    server.closeAllConnections();
    await connections.close();
    throw error;
  }
}

/**
 * Connections that may wait to be accepted: devices that lost their gateway come back in one moment, and of what does not
 * fit Linux makes seconds of delay, or a reset. The kernel's own bound is `net.core.somaxconn`, 4096 by default.
 */
const backlog = 4096;

/** The port decides the default origin, so it is taken before the rest is there to answer. */
function listen(server: HttpServer, config: Config): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(
      { port: config.PORT ?? 8080, backlog, ...(config.HOST === undefined ? {} : { host: config.HOST }) },
      () => {
        server.off("error", reject);
        resolve((server.address() as AddressInfo).port);
      },
    );
  });
}
