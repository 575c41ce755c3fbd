import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";

/** Below the ports that Linux gives to whoever asks for any (from 32768): nobody is given one of these by chance. */
const [lowest, beyond] = [24_000, 32_768];
/** Where a port is marked as taken: another address and number, which is in nobody's way. */
const mark = (port: number) => ({ host: "127.0.0.3", port: port - 14_000 });

/**
 * A port of 127.0.0.1 on which nobody listens, and nobody else will while this process lives: for an address that must
 * be known before somebody listens there, that is given up and taken again, or that must lead nowhere.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(lowest, beyond);
    const taken = await tryListen(mark(port));
    if (!taken) continue;
    taken.unref();
    const probe = await tryListen({ host: "127.0.0.1", port });
    if (!probe) continue;
    probe.close();
    await once(probe, "close");
    return port;
  }
}

async function tryListen(where: { host: string; port: number }): Promise<Server | undefined> {
  const server = createServer().listen(where);
  try {
    await once(server, "listening");
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
    throw error;
  }
}
