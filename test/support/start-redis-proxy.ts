import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import { RedisProxyWay, type WaySettings } from "./redis-proxy-way.ts";

/** How Redis goes away: `cut`, its connections end and new ones are refused; `freeze`, they stay open and nothing passes. */
export type Outage = "cut" | "freeze";

/** A TCP proxy in front of a Redis, on a port that stays the same. What it did is counted: a fault test proves its fault. */
export interface RedisProxy {
  /** The Redis URL that leads through the proxy. */
  url: string;
  /** How often the way was cut, dropped or frozen, in whole or for a role. */
  readonly cuts: number;
  /** Connections that those ended or held, and those that came while the way was frozen. */
  readonly struck: number;
  /** Chunks that are held back now, on their way to Redis or from there. */
  readonly held: number;
  /** Answers that were late so far. */
  readonly delayed: number;
  /** Ends every connection and refuses new ones until `restore`, as when Redis has died. */
  cut(): Promise<void>;
  /** Ends every connection, as a network would; new ones are welcome. */
  drop(): void;
  /** Keeps every connection open and passes nothing on until `restore`, as when Redis hangs. */
  freeze(): void;
  /** Freezes the connections that a role has now, and no later one: their peer has vanished without a word. */
  vanish(role: string): void;
  restore(): Promise<void>;
  /** Takes Redis away for so many milliseconds; resolves when the way has been restored. */
  outage(kind: Outage, durationMs: number): Promise<void>;
  /** From now on holds what a client sends from the first chunk on that matches; `release` lets all of it go on. */
  holdFrom(pattern: RegExp): void;
  /** From now on holds what Redis answers to the first chunk that matches, and all that follows: it was done, and nobody hears. */
  holdAnswersFrom(pattern: RegExp): void;
  release(): void;
  /** From now on every answer of Redis is so many milliseconds late; 0 ends that. */
  delayAnswers(byMs: number): void;
  close(): Promise<void>;
}

export async function startRedisProxy(redisUrl: string): Promise<RedisProxy> {
  const target = new URL(redisUrl);
  const settings: WaySettings = { holdFrom: undefined, holdAnswersFrom: undefined, delayMs: 0 };
  const ways = new Set<RedisProxyWay>();
  let [cuts, struck, delayedBefore, frozen] = [0, 0, 0, false];

  const accept = (client: Socket) => {
    const way = new RedisProxyWay(client, { host: target.hostname, port: Number(target.port) }, settings);
    ways.add(way);
    way.onClose(() => {
      delayedBefore += way.delayed;
      ways.delete(way);
    });
    if (frozen) strike([way], (one) => one.freeze());
  };
  const strike = (struckWays: Iterable<RedisProxyWay>, how: (way: RedisProxyWay) => void) => {
    for (const way of [...struckWays]) {
      struck += 1;
      how(way);
    }
  };
  const port = await freePort();
  let server = await listen(accept, port);
  const url = new URL(redisUrl);
  url.port = String(port);
  const stop = async () => {
    const closed = server.listening ? once(server, "close") : undefined;
    server.close();
    strike(ways, (way) => way.end());
    await closed;
  };
  const sum = (read: (way: RedisProxyWay) => number) => [...ways].reduce((total, way) => total + read(way), 0);
  const proxy: RedisProxy = {
    url: url.href,
    get cuts() {
      return cuts;
    },
    get struck() {
      return struck;
    },
    get held() {
      return sum((way) => way.held);
    },
    get delayed() {
      return delayedBefore + sum((way) => way.delayed);
    },
    async cut() {
      cuts += 1;
      await stop();
    },
    drop() {
      cuts += 1;
      strike(ways, (way) => way.end());
    },
    freeze() {
      cuts += 1;
      frozen = true;
      strike(ways, (way) => way.freeze());
    },
    vanish(role) {
      cuts += 1;
      const those = [...ways].filter((way) => way.role === role);
      strike(those, (way) => way.freeze());
    },
    async restore() {
      frozen = false;
      for (const way of ways) way.thaw();
      if (!server.listening) server = await listen(accept, port);
    },
    async outage(kind, durationMs) {
      await proxy[kind]();
      await delay(durationMs);
      await proxy.restore();
    },
    holdFrom(pattern) {
      settings.holdFrom = pattern;
    },
    holdAnswersFrom(pattern) {
      settings.holdAnswersFrom = pattern;
    },
    release() {
      settings.holdFrom = undefined;
      settings.holdAnswersFrom = undefined;
      for (const way of ways) way.release();
    },
    delayAnswers(byMs) {
      settings.delayMs = byMs;
    },
    close: stop,
  };
  return proxy;
}

async function listen(accept: (socket: Socket) => void, port: number): Promise<Server> {
  const server = createServer(accept);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}
