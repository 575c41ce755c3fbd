import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { FuzzFinding } from "./entrance.ts";
import { answerDeadlineMs } from "./http-exchange.ts";

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  opcode?: number;
  /** FIN and the reserved bits. Default FIN alone. */
  flags?: number;
  masked?: boolean;
  /** The length that the frame says it has. */
  length?: number;
}

/** A client's frame (RFC 6455 §5.2), right unless told otherwise. */
export function writeFrame(payload: Buffer, options: FrameOptions = {}): Buffer {
  const { opcode = opcodes.text, flags = 0x80, masked = true, length = payload.length } = options;
  const size = length > 0xffff ? 8 : length > 125 ? 2 : 0;
  const head = Buffer.alloc(2 + size + (masked ? 4 : 0));
  head[0] = flags | opcode;
  head[1] = (masked ? 0x80 : 0) | (size === 8 ? 127 : size === 2 ? 126 : length);
  if (size === 2) head.writeUInt16BE(length, 2);
  if (size === 8) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

/** A WebSocket to the gateway whose every byte is the fuzzer's own; a mask of zero leaves payloads as they are. */
export class FuzzSocket {
  readonly #socket: Socket;
  readonly #listeners = new Set<(text: string) => void>();
  readonly closed: Promise<void>;
  #rest: Buffer = Buffer.alloc(0);

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
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const frame = readFrame(data);
      if (frame === undefined) break;
      data = data.subarray(frame.size);
      if (frame.opcode === opcodes.text) this.#take(frame.payload.toString("utf8"));
      if (frame.opcode === opcodes.close) this.#socket.end();
    }
    this.#rest = data.length === 0 ? Buffer.alloc(0) : Buffer.from(data);
  }

  #take(text: string): void {
    if (text === "2") this.send("3");
    for (const listen of [...this.#listeners]) listen(text);
  }
}

function readFrame(data: Buffer): { opcode: number; payload: Buffer; size: number } | undefined {
  if (data.length < 2) return undefined;
  const short = data[1]! & 0x7f;
  const head = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (data.length < head) return undefined;
  const length = short === 127 ? Number(data.readBigUInt64BE(2)) : short === 126 ? data.readUInt16BE(2) : short;
  if (data.length < head + length) return undefined;
  return { opcode: data[0]! & 0x0f, payload: data.subarray(head, head + length), size: head + length };
}
