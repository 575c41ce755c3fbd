import type { Redis } from "ioredis";

const heartbeatMs = 1000;

/**
 * Asks for a sign of life every second on a connection that is otherwise only listened to. Without it, a peer that
 * vanished (a power cut, a forgotten NAT entry) would be believed for hours; with it, the connection's `socketTimeout`
 * ends it, and it reconnects by itself.
 */
export function keepAlive(client: Redis): void {
  const heartbeat = setInterval(() => {
    if (client.status === "ready") client.ping().catch(() => undefined);
  }, heartbeatMs);
  heartbeat.unref();
  client.once("end", () => clearInterval(heartbeat));
}
