import { connect, type Socket } from "node:net";

/** What the proxy says to each of its ways now. */
export interface WaySettings {
  /** Holds what a client sends from the first chunk on that matches. */
  holdFrom: RegExp | undefined;
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
  #heldBack: Buffer[] = [];
  #holding = false;
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

  /** Chunks on their way to Redis that are held back now. */
  get held(): number {
    return this.#heldBack.length;
  }

  onClose(listener: () => void): void {
    this.#client.once("close", listener);
  }

  /** Lets go on what was held back. */
  release(): void {
    this.#holding = false;
    for (const chunk of this.#heldBack.splice(0)) this.#upstream.write(chunk);
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
    this.#heldBack = [];
    this.#late = [];
    this.#client.destroy();
    this.#upstream.destroy();
  }

  #toRedis(chunk: Buffer): void {
    const text = chunk.toString("latin1");
    this.role ??= /callseal:(\w+)/.exec(text)?.[1];
    this.#holding ||= this.#settings.holdFrom?.test(text) ?? false;
    if (this.#holding) this.#heldBack.push(chunk);
    else this.#upstream.write(chunk);
  }

  /** In order: an answer never overtakes one that was made later than it is now. */
  #toClient(chunk: Buffer): void {
    const { delayMs } = this.#settings;
    if (delayMs > 0) this.delayed += 1;
    if (delayMs === 0 && this.#late.length === 0) {
      this.#client.write(chunk);
      return;
    }
    const dueMs = Math.max(performance.now() + delayMs, this.#late.at(-1)?.dueMs ?? 0);
    this.#late.push({ chunk, dueMs });
    setTimeout(() => this.#sendLate(), dueMs - performance.now());
  }

  #sendLate(): void {
    // A timer may be a little early.
    const nowMs = performance.now() + 1;
    while (!this.#frozen && this.#late[0] !== undefined && this.#late[0].dueMs <= nowMs) {
      this.#client.write(this.#late.shift()!.chunk);
    }
  }
}
