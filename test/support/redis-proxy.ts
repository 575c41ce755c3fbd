import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A TCP proxy in front of a Redis, on a port that stays the same, whose way can be cut, frozen and restored. */
export interface RedisProxy {
  /** The Redis URL through the proxy. */
  url: string;
  /** How often the way was cut or frozen: a fault test proves that its fault happened. */
  cuts: number;
  /** Connections that were closed by a cut, or refused or held while it lasted. */
  struck: number;
  /** Ends every connection and refuses new ones, as when Redis has died. */
  cut(): Promise<void>;
  /** Keeps every connection open and passes nothing on, as when Redis hangs. */
  freeze(): void;
  /** Freezes the connections that a role has now, and no later one: their peer has vanished without a word. */
  vanish(role: string): void;
  restore(): Promise<void>;
  close(): Promise<void>;
}

export async function startRedisProxy(redisUrl: string): Promise<RedisProxy> {
  const target = new URL(redisUrl);
  const pairs = new Set<[Socket, Socket]>();
  /** As each connection names itself when it begins. */
  const roles = new Map<[Socket, Socket], string>();
  let frozen = false;
  const listener = (client: Socket) => {
    const upstream = connect(Number(target.port), target.hostname);
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    client.on("data", (chunk) => {
      const role = roles.has(pair) ? undefined : /callseal:(\w+)/.exec(chunk.toString("latin1"))?.[1];
      if (role !== undefined) roles.set(pair, role);
    });
    for (const [from, to] of [pair, [upstream, client]] as const) {
      from.on("error", () => undefined);
      from.on("close", () => {
        pairs.delete(pair);
        to.destroy();
      });
      from.pipe(to);
    }
    if (frozen) hold(pair);
  };
  const hold = (pair: [Socket, Socket]) => {
    proxy.struck += 1;
    pair[0].unpipe(pair[1]);
    pair[1].unpipe(pair[0]);
  };
  let server = await listen(listener, 0);
  const { port } = server.address() as AddressInfo;
  const url = new URL(redisUrl);
  url.port = String(port);
  const stop = async () => {
    const closed = server.listening ? once(server, "close") : undefined;
    server.close();
    for (const [client] of pairs) {
      proxy.struck += 1;
      client.destroy();
    }
    await closed;
  };
  const proxy: RedisProxy = {
    url: url.href,
    cuts: 0,
    struck: 0,
    async cut() {
      proxy.cuts += 1;
      await stop();
    },
    freeze() {
      proxy.cuts += 1;
      frozen = true;
      for (const pair of pairs) hold(pair);
    },
    vanish(role) {
      proxy.cuts += 1;
      for (const pair of pairs) if (roles.get(pair) === role) hold(pair);
    },
    async restore() {
      if (frozen) {
        frozen = false;
        for (const [client, upstream] of pairs) client.pipe(upstream).pipe(client);
      }
      if (!server.listening) server = await listen(listener, port);
    },
    close: stop,
  };
  return proxy;
}

async function listen(listener: (socket: Socket) => void, port: number): Promise<Server> {
  const server = createServer(listener);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}
