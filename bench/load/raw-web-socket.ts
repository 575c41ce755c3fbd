import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { FrameReader, opcodes, writeFrame } from "../../test/support/web-socket-frames.ts";

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

/**
 * The least WebSocket client (RFC 6455) that can load a server: whole text messages, no fragments, no compression. It costs a few kilobytes, so that one process can be ten thousand phones.
 */
export class RawWebSocket {
  readonly #socket: Socket;
  readonly #frames = new FrameReader();
  readonly #onText: (text: string) => void;

  constructor(socket: Socket, first: Buffer, onText: (text: string) => void) {
    this.#socket = socket;
    this.#onText = onText;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => socket.destroy());
    // Later, so that whoever opens this has it in hand when its first message arrives.
    if (first.length > 0) setImmediate(() => this.#read(first));
  }

  get open(): boolean {
    return !this.#socket.destroyed;
  }

  send(text: string): void {
    this.#socket.write(writeFrame(Buffer.from(text)));
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    for (const { opcode, payload } of this.#frames.read(chunk)) {
      if (opcode === opcodes.text) this.#onText(payload.toString("utf8"));
      else if (opcode === opcodes.ping) this.#socket.write(writeFrame(payload, { opcode: opcodes.pong }));
      else if (opcode === opcodes.close) this.#socket.destroy();
    }
  }
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
