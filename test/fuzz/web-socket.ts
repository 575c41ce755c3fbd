import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { FrameReader, opcodes, writeFrame } from "../support/web-socket-frames.ts";
import { FuzzFinding } from "./entrance.ts";
import { answerDeadlineMs } from "./http-exchange.ts";

/** A WebSocket to the gateway whose every byte is the fuzzer's own. */
export class FuzzSocket {
  readonly #socket: Socket;
  readonly #frames = new FrameReader();
  readonly #listeners = new Set<(text: string) => void>();
  readonly closed: Promise<void>;

  private constructor(socket: Socket, first: Buffer) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once("close", () => resolve());
      if (socket.destroyed) resolve();
    });
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    if (first.length > 0) setImmediate(() => this.#read(first));
  }

  static async open(port: number, path = "/socket.io/?EIO=4&transport=websocket"): Promise<FuzzSocket> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.on("error", () => undefined);
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    let received: Buffer = Buffer.alloc(0);
    const gone = once(socket, "close").then(() => [undefined]);
    while (!received.includes("\r\n\r\n")) {
      const [chunk] = (await Promise.race([once(socket, "data"), gone])) as [Buffer | undefined];
      if (chunk === undefined) throw new FuzzFinding("a WebSocket was closed before it was opened");
      received = Buffer.concat([received, chunk]);
    }
    if (received.toString("latin1", 0, 12) === "HTTP/1.1 101") {
      return new FuzzSocket(socket, received.subarray(received.indexOf("\r\n\r\n") + 4));
    }
    socket.destroy();
    throw new FuzzFinding(`no WebSocket: ${received.toString("latin1", 0, 300)}`);
  }

  get open(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  onText(listen: (text: string) => void): () => void {
    this.#listeners.add(listen);
    return () => this.#listeners.delete(listen);
  }

  /** The first text that fits; undefined when the socket is closed before, or nothing came within the deadline. */
  next(fits: (text: string) => boolean, withinMs = answerDeadlineMs): Promise<string | undefined> {
    return new Promise((resolve) => {
      const settle = (text?: string) => {
        clearTimeout(timer);
        stop();
        resolve(text);
      };
      const timer = setTimeout(settle, withinMs);
      const stop = this.onText((text) => fits(text) && settle(text));
      void this.closed.then(() => settle());
    });
  }

  send(text: string): void {
    this.write(writeFrame(Buffer.from(text)));
  }

  write(bytes: Buffer): void {
    if (this.open) this.#socket.write(bytes);
  }

  /** Says that nothing more comes; resolves with whether the gateway closed its end too. */
  async end(): Promise<boolean> {
    this.#socket.end();
    const left = Promise.withResolvers<false>();
    const timer = setTimeout(() => left.resolve(false), answerDeadlineMs);
    const closed = await Promise.race([this.closed.then(() => true), left.promise]);
    clearTimeout(timer);
    this.#socket.destroy();
    return closed;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    for (const { opcode, payload } of this.#frames.read(chunk)) {
      if (opcode === opcodes.text) this.#take(payload.toString("utf8"));
      if (opcode === opcodes.close) this.#socket.end();
    }
  }

  #take(text: string): void {
    if (text === "2") this.send("3");
    for (const listen of [...this.#listeners]) listen(text);
  }
}
