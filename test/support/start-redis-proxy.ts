import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface RedisProxy {
  /** The Redis URL that leads through the proxy. */
  url: string;
  /** Connections that `cut` has ended, in all. */
  readonly cuts: number;
  /** Chunks on their way to Redis that are held back now. */
  readonly held: number;
  /** Ends every connection, as a network would. */
  cut(): void;
  /** From now on holds what a client sends from the first chunk on that matches; `release` lets it go on. */
  holdFrom(pattern: RegExp): void;
  release(): void;
  close(): Promise<void>;
}

/** A TCP proxy in front of a Redis, to cut connections and to hold back commands at a chosen moment. */
export async function startRedisProxy(redisUrl: string): Promise<RedisProxy> {
  const target = new URL(redisUrl);
  const sockets = new Set<Socket>();
  let pattern: RegExp | undefined;
  let waiting: (() => void)[] = [];
  let cuts = 0;

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let holding = false;
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    upstream.pipe(client);
    client.on("data", (chunk) => {
      holding = pattern !== undefined && (holding || pattern.test(chunk.toString("latin1")));
      if (holding) waiting.push(() => upstream.write(chunk));
      else upstream.write(chunk);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(redisUrl);
  url.port = String((server.address() as AddressInfo).port);

  const destroyAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    get cuts() {
      return cuts;
    },
    get held() {
      return waiting.length;
    },
    cut() {
      cuts += sockets.size / 2;
      destroyAll();
    },
    holdFrom(text) {
      pattern = text;
    },
    release() {
      pattern = undefined;
      for (const send of waiting) send();
      waiting = [];
    },
    async close() {
      destroyAll();
      server.close();
      await once(server, "close");
    },
  };
}
