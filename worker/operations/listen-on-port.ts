import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Config } from "../../core/config/config.ts";
import type { Logger } from "../../core/logging/create-logger.ts";

const usualPort = 8081;

/**
 * Listens on `PORT`, or on 8081. When nobody asked for that port and it is taken, a second worker on the same machine for
 * example, a free one does as well: only health and metrics are there. Returns the port.
 */
export async function listenOnPort(server: Server, config: Config, logger: Logger): Promise<number> {
  try {
    return await listen(server, config.PORT ?? usualPort, config.HOST);
  } catch (error) {
    const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
    if (!taken || config.PORT !== undefined) throw error;
    const port = await listen(server, 0, config.HOST);
    logger.warn({ taken: usualPort, port, remedy: "set PORT" }, "port.replaced");
    return port;
  }
}

function listen(server: Server, port: number, host: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
