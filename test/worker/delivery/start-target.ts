import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";

export interface ReceivedRequest {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  body: string;
}

export type Answer = (response: ServerResponse, request: ReceivedRequest, socket: Socket) => void;

/** A real HTTP or HTTPS server that keeps what it received and counts its connections. */
export interface Target {
  readonly url: string;
  readonly port: number;
  readonly requests: ReceivedRequest[];
  /** TCP connections accepted so far. */
  readonly connections: number;
  answer: Answer;
  /** Resolves when this many requests have arrived in full. */
  received(count: number): Promise<void>;
  close(): Promise<void>;
}

export interface TargetOptions {
  host?: string;
  port?: number;
  tls?: { key: string; cert: string };
}

export async function startTarget(answer: Answer, options: TargetOptions = {}): Promise<Target> {
  const { host = "127.0.0.1", port = 0, tls } = options;
  const requests: ReceivedRequest[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  let connections = 0;
  const listener: RequestListener = async (incoming, response) => {
    const chunks: Buffer[] = [];
    // A client that gives up in the middle of its body has sent no request.
    const whole = await readWhole(incoming, chunks);
    if (!whole) return;
    const request = {
      method: incoming.method ?? "",
      path: incoming.url ?? "",
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString("utf8"),
    };
    requests.push(request);
    for (const waiter of waiting) if (requests.length >= waiter.count) waiter.resolve();
    target.answer(response, request, incoming.socket);
  };
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on(tls === undefined ? "connection" : "secureConnection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, host, resolve));
  const bound = (server.address() as AddressInfo).port;
  const target: Target = {
    url: `${tls === undefined ? "http" : "https"}://${host}:${bound}`,
    port: bound,
    requests,
    get connections() {
      return connections;
    },
    answer,
    received: (count) =>
      new Promise((resolve) => {
        if (requests.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return target;
}

export function answerWith(status: number, body: unknown = "", headers: Record<string, string> = {}): Answer {
  return (response) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
  };
}

async function readWhole(incoming: IncomingMessage, chunks: Buffer[]): Promise<boolean> {
  try {
    for await (const chunk of incoming) chunks.push(chunk);
    return true;
  } catch {
    return false;
  }
}
