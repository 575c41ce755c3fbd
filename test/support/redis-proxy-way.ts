import { connect, type Socket } from "node:net";

/** What the proxy says to each of its ways now. */
export interface WaySettings {
  /** Holds what a client sends from the first chunk on that matches. */
  holdFrom: RegExp | undefined;
  /** Holds what Redis answers to the first chunk that matches, and everything after it. */
  holdAnswersFrom: RegExp | undefined;
  /** How late every answer of Redis is, in milliseconds. */
  delayMs: number;
}

/** One client's connection and the one to Redis behind it. */
export class RedisProxyWay {
  /** As the connection named itself when it began: `callseal:<role>`. */
  role: string | undefined;
  /** Answers that were late. */
  delayed = 0;
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #settings: WaySettings;
  readonly #toRedisHeld = new HeldBack();
  readonly #toClientHeld = new HeldBack();
  #late: { chunk: Buffer; dueMs: number }[] = [];
  #frozen = false;

  constructor(client: Socket, target: { host: string; port: number }, settings: WaySettings) {
    this.#client = client;
    this.#upstream = connect(target.port, target.host);
    this.#settings = settings;
    for (const socket of [this.#client, this.#upstream]) {
      socket.on("error", () => undefined);
      socket.on("close", () => this.end());
    }
    client.on("data", (chunk: Buffer) => this.#toRedis(chunk));
    this.#upstream.on("data", (chunk: Buffer) => this.#toClient(chunk));
  }

  /** Chunks that are held back now, on their way to Redis or from there. */
  get held(): number {
    return this.#toRedisHeld.chunks.length + this.#toClientHeld.chunks.length;
  }

  onClose(listener: () => void): void {
    this.#client.once("close", listener);
  }

  /** Lets go on what was held back. */
  release(): void {
    for (const chunk of this.#toRedisHeld.release()) this.#upstream.write(chunk);
    for (const chunk of this.#toClientHeld.release()) this.#client.write(chunk);
  }

  /** Passes nothing on and keeps both connections open, until it is thawed. */
  freeze(): void {
    this.#frozen = true;
    for (const socket of [this.#client, this.#upstream]) socket.pause();
  }

  thaw(): void {
    this.#frozen = false;
    for (const socket of [this.#client, this.#upstream]) socket.resume();
    this.#sendLate();
  }

  end(): void {
    this.#toRedisHeld.release();
    this.#toClientHeld.release();
    this.#late = [];
    this.#client.destroy();
    this.#upstream.destroy();
  }

  #toRedis(chunk: Buffer): void {
    const text = chunk.toString("latin1");
    this.role ??= /callseal:(\w+)/.exec(text)?.[1];
    this.#toRedisHeld.watch(text, this.#settings.holdFrom);
    this.#toClientHeld.watch(text, this.#settings.holdAnswersFrom);
    if (!this.#toRedisHeld.take(chunk)) this.#upstream.write(chunk);
  }

  /** In order: an answer never overtakes one that was made later than it is now. */
  #toClient(chunk: Buffer): void {
    if (this.#toClientHeld.take(chunk)) return;
    const { delayMs } = this.#settings;
    if (delayMs > 0) this.delayed += 1;
    if (delayMs === 0 && this.#late.length === 0) {
      this.#client.write(chunk);
      return;
    }
    const dueMs = Math.max(performance.now() + delayMs, this.#late.at(-1)?.dueMs ?? 0);
    this.#late.push({ chunk, dueMs });
    if (this.#late.length === 1) this.#sendLate();
  }

  /** Sends what is due, and comes again for what is not: a timer counts from when its turn began, so it may be early. */
  #sendLate(): void {
    if (this.#frozen) return;
    while (this.#late[0] !== undefined && this.#late[0].dueMs <= performance.now()) {
      this.#client.write(this.#late.shift()!.chunk);
    }
    const next = this.#late[0];
    if (next) setTimeout(() => this.#sendLate(), Math.ceil(next.dueMs - performance.now()));
  }
}

/** What goes one way, from a chosen moment on until it is released. */
class HeldBack {
  chunks: Buffer[] = [];
  #holding = false;

  watch(text: string, from: RegExp | undefined): void {
    this.#holding ||= from?.test(text) ?? false;
  }

  take(chunk: Buffer): boolean {
    if (this.#holding) this.chunks.push(chunk);
    return this.#holding;
  }

  release(): Buffer[] {
    this.#holding = false;
    return this.chunks.splice(0);
  }
}
