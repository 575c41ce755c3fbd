import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface SlowRedis {
  url: string;
  /** From now on every answer of Redis is so many milliseconds late. */
  slowDown(byMs: number): void;
  /** Answers that were late so far. */
  readonly delayed: number;
  close(): Promise<void>;
}

/** A TCP proxy in front of a Redis that is alive and slow: no command times out, and together they take too long. */
export async function startSlowRedis(redisUrl: string): Promise<SlowRedis> {
  const target = new URL(redisUrl);
  const sockets = new Set<Socket>();
  let byMs = 0;
  let delayed = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on("data", (chunk) => {
      if (byMs > 0) delayed += 1;
      setTimeout(() => client.write(chunk), byMs);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(redisUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    slowDown: (ms) => {
      byMs = ms;
    },
    get delayed() {
      return delayed;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
