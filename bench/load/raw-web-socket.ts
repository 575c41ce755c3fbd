import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface WebSocketTarget {
  /** `http://host:port`. */
  url: string;
  path: string;
  /** Source address, to have more than one range of ports; default the system's choice. */
  localAddress?: string;
}

/** What a browser sends along, so that a server's memory of the handshake is that of real clients. */
const browserHeaders = [
  "Pragma: no-cache",
  "Cache-Control: no-cache",
  "User-Agent: Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
  "Origin: https://app.callseal.bench",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Accept-Language: en-US,en;q=0.9,de;q=0.8",
];

const opcodes = { text: 1, close: 8, ping: 9, pong: 10 };

/**
 * The least WebSocket client (RFC 6455) that can load a server: whole text messages below 64 KiB, no fragments, no
 * compression. It costs a few kilobytes, so that one process can be ten thousand phones.
 */
export class RawWebSocket {
  readonly #socket: Socket;
  readonly #onText: (text: string) => void;
  #rest: Buffer;

  constructor(socket: Socket, first: Buffer, onText: (text: string) => void) {
    this.#socket = socket;
    this.#onText = onText;
    this.#rest = first;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => socket.destroy());
    // Later, so that whoever opens this has it in hand when its first message arrives.
    if (first.length > 0) setImmediate(() => this.#read(Buffer.alloc(0)));
  }

  get open(): boolean {
    return !this.#socket.destroyed;
  }

  send(text: string): void {
    this.#write(opcodes.text, Buffer.from(text));
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const frame = readFrame(data);
      if (frame === undefined) break;
      data = data.subarray(frame.size);
      if (frame.opcode === opcodes.text) this.#onText(frame.payload.toString("utf8"));
      else if (frame.opcode === opcodes.ping) this.#write(opcodes.pong, frame.payload);
      else if (frame.opcode === opcodes.close) this.#socket.destroy();
    }
    // A copy, so that a few bytes do not hold a whole read buffer.
    this.#rest = data.length === 0 ? Buffer.alloc(0) : Buffer.from(data);
  }

  /** A client's frame is masked; a mask of zero is a mask, and leaves the payload as it is (§5.3). */
  #write(opcode: number, payload: Buffer): void {
    const long = payload.length > 125;
    const head = Buffer.alloc(long ? 8 : 6);
    head[0] = 0x80 | opcode;
    head[1] = 0x80 | (long ? 126 : payload.length);
    if (long) head.writeUInt16BE(payload.length, 2);
    this.#socket.write(Buffer.concat([head, payload]));
  }
}

function readFrame(data: Buffer): { opcode: number; payload: Buffer; size: number } | undefined {
  if (data.length < 2) return undefined;
  const short = data[1]! & 0x7f;
  if (short === 127) throw new Error("a message is larger than this client takes");
  const head = short === 126 ? 4 : 2;
  if (data.length < head) return undefined;
  const length = short === 126 ? data.readUInt16BE(2) : short;
  if (data.length < head + length) return undefined;
  return { opcode: data[0]! & 0x0f, payload: data.subarray(head, head + length), size: head + length };
}

/** Opens a WebSocket; rejects when the server answers anything but 101. */
export async function openWebSocket(target: WebSocketTarget, onText: (text: string) => void): Promise<RawWebSocket> {
  const { hostname, port, host } = new URL(target.url);
  const { localAddress } = target;
  const socket = connect({
    host: hostname,
    port: Number(port),
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  socket.setNoDelay(true);
  await once(socket, "connect");
  const lines = [
    `GET ${target.path} HTTP/1.1`,
    `Host: ${host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    ...browserHeaders,
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  return await new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const fail = () => reject(new Error("the server closed the connection in its handshake"));
    const read = (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      const end = answer.indexOf("\r\n\r\n");
      if (end < 0) return;
      socket.off("data", read);
      socket.off("close", fail);
      const status = answer.toString("latin1", 0, answer.indexOf("\r\n"));
      if (!status.includes(" 101 ")) {
        socket.destroy();
        reject(new Error(`no WebSocket: ${status}`));
        return;
      }
      resolve(new RawWebSocket(socket, Buffer.from(answer.subarray(end + 4)), onText));
    };
    socket.on("data", read);
    socket.once("error", reject);
    socket.once("close", fail);
  });
}
