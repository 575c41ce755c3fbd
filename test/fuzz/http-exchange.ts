import { connect, type Socket } from "node:net";
import type { HttpRequest } from "./mutate-request.ts";

export interface HttpAnswer {
  status: number;
  /** Lower-case names; of a repeated header the last one. */
  headers: ReadonlyMap<string, string>;
  body: string;
}

export interface Exchange {
  answers: HttpAnswer[];
  /** The client stopped waiting, as a poller may. */
  hungUp: boolean;
  /** Bytes that came after the last answer that could be read. */
  rest: string;
}

/** The bytes of a request whose body has the length that it says. */
export function writeRequest({ method, target, headers, body }: HttpRequest): Buffer {
  const lines = [`${method} ${target} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  if (body !== undefined) lines.push(`Content-Length: ${body.length}`);
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  return body === undefined ? head : Buffer.concat([head, body]);
}

/** Keep-alive connections to one port; each carries one request at a time. */
export class HttpConnections {
  readonly #port: number;
  readonly #idle: Socket[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends one well-framed request and reads its answer; hangs up after `hangUpMs`, when that is given. */
  async exchange(request: HttpRequest, options: { hangUpMs?: number } = {}): Promise<Exchange> {
    const bytes = writeRequest(request);
    const head = request.method === "HEAD";
    const reused = this.#idle.pop();
    if (reused && !reused.destroyed) {
      const exchange = await this.#send(reused, bytes, { head, ...options });
      // The other side may have closed a connection that nobody used: only then is nothing said and nothing done.
      if (exchange.answers.length > 0 || exchange.hungUp) return exchange;
    }
    return await this.#send(connect({ port: this.#port, host: "127.0.0.1", noDelay: true }), bytes, {
      head,
      ...options,
    });
  }

  /** Writes any bytes to a connection of their own, ends it, and reads until the gateway has closed it too. */
  async pour(chunks: readonly Buffer[]): Promise<Exchange & { closed: boolean }> {
    const socket = connect({ port: this.#port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    for (const chunk of chunks) socket.write(chunk);
    socket.end();
    const received = await readToEnd(socket);
    socket.destroy();
    const reader = readAnswers(received.bytes, false);
    return { ...reader, hungUp: false, closed: received.closed };
  }

  close(): void {
    for (const socket of this.#idle.splice(0)) socket.destroy();
  }

  async #send(socket: Socket, bytes: Buffer, options: { head: boolean; hangUpMs?: number }): Promise<Exchange> {
    socket.removeAllListeners();
    const exchange = await new Promise<Exchange>((resolve) => {
      let received: Buffer = Buffer.alloc(0);
      const timer = setTimeout(() => finish(true), options.hangUpMs ?? answerDeadlineMs);
      const finish = (late: boolean, read = readAnswers(received, options.head)) => {
        clearTimeout(timer);
        resolve({ ...read, hungUp: late && options.hangUpMs !== undefined });
      };
      socket.on("data", (chunk: Buffer) => {
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
        const read = readAnswers(received, options.head);
        if (read.answers.length > 0) finish(false, read);
      });
      socket.once("close", () => finish(false));
      socket.on("error", () => undefined);
      socket.write(bytes);
    });
    const [answer] = exchange.answers;
    socket.removeAllListeners();
    socket.on("error", () => undefined);
    if (answer && !socket.destroyed && exchange.rest === "" && answer.headers.get("connection") !== "close") {
      this.#idle.push(socket);
    } else socket.destroy();
    return exchange;
  }
}

/** Longer than anything that the gateway holds without having been asked to. */
export const answerDeadlineMs = 12_000;

function readToEnd(socket: Socket): Promise<{ bytes: Buffer; closed: boolean }> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => finish(false), answerDeadlineMs);
    const finish = (closed: boolean) => {
      clearTimeout(timer);
      resolve({ bytes: Buffer.concat(chunks), closed });
    };
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", () => undefined);
    socket.once("end", () => finish(true));
    socket.once("close", () => finish(true));
  });
}

/** The whole answers at the start of the bytes, without 1xx. */
function readAnswers(bytes: Buffer, head: boolean): { answers: HttpAnswer[]; rest: string } {
  const answers: HttpAnswer[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf("\r\n\r\n", at);
    if (end < 0) break;
    const [statusLine = "", ...lines] = bytes.toString("latin1", at, end).split("\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? 0);
    if (status === 0) break;
    const headers = new Map(
      lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
    );
    const bodyless = head || status < 200 || status === 204 || status === 304;
    const unasked = bytes.toString("latin1", end + 4, end + 13) === "HTTP/1.1 ";
    const length = bodyless || unasked ? 0 : Number(headers.get("content-length") ?? Number.NaN);
    // Without a length, as engine.io and `Transfer-Encoding: chunked` answer, the body is what comes before the close.
    const until = Number.isNaN(length) ? bytes.length : end + 4 + length;
    if (until > bytes.length || (Number.isNaN(length) && !chunkedIsWhole(headers, bytes))) break;
    if (status >= 200) answers.push({ status, headers, body: bytes.toString("utf8", end + 4, until) });
    at = until;
  }
  return { answers, rest: bytes.toString("latin1", at) };
}

function chunkedIsWhole(headers: ReadonlyMap<string, string>, bytes: Buffer): boolean {
  if (headers.get("transfer-encoding") !== "chunked") return true;
  return bytes.subarray(-5).toString("latin1") === "0\r\n\r\n";
}
