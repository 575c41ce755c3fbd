import type { Cluster, Redis } from "ioredis";

const heartbeatMs = 1000;

/**
 * Asks for a sign of life every second on each of a client's connections. Without it, a peer that froze or vanished (a
 * power cut, a forgotten NAT entry) would be believed for hours by whoever only listens; with it, the connection's
 * `socketTimeout` ends it, and another one is made.
 */
export function keepAlive(client: Redis | Cluster, connections: () => Iterable<Redis>): void {
  let heartbeat: NodeJS.Timeout | undefined;
  const ask = () => {
    for (const connection of connections()) {
      if (connection.status === "ready") connection.ping().catch(() => undefined);
    }
  };
  client.on("connecting", () => {
    heartbeat ??= setInterval(ask, heartbeatMs).unref();
  });
  client.on("end", () => {
    clearInterval(heartbeat);
    heartbeat = undefined;
  });
}
