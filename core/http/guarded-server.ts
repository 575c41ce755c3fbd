import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { CallsealError } from "../verification/errors.ts";
import { newCorrelationId } from "./correlation-id.ts";
import { problemDocument, problemHeaders } from "./problem-document.ts";

/** Longer than the idle time of common load balancers (60 s), so that they close a connection, not we under a request. */
const keepAliveTimeoutMs = 75_000;
/** Time to send a request, answers not included: a long poll is short to send. */
const requestTimeoutMs = 30_000;
const headersTimeoutMs = 15_000;
/** How often connections are looked at for the two above; Node's own 30 s would make 45 s of the 15. */
const checkTimeoutsMs = 5000;
/** A client that does not even take the refusal is cut off after this. */
const refusalTimeoutMs = 2000;

export interface GuardOptions {
  /** TCP connections held at once; more are dropped as they come. */
  mostConnections: number;
}

/** An HTTP server that bounds what a connection may take, and answers what is no HTTP request with a problem document too (PROTOCOL §8). */
export function createGuardedServer(listener: RequestListener, options: GuardOptions): Server {
  const settings = { connectionsCheckingInterval: checkTimeoutsMs, requireHostHeader: false };
  const server = createServer(settings, (request, response) => {
    if (namesHost(request)) {
      listener(request, response);
      return;
    }
    const error = new CallsealError("invalid_request", { detail: "The Host header is missing." });
    refuseRaw(request.socket, error, { head: request.method === "HEAD" });
  });
  server.maxConnections = options.mostConnections;
  server.keepAliveTimeout = keepAliveTimeoutMs;
  server.requestTimeout = requestTimeoutMs;
  server.headersTimeout = headersTimeoutMs;
  // An expectation that is not known may be ignored (RFC 9110 §10.1.1); Node would answer 417 and say nothing.
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    refuseRaw(socket, new CallsealError("invalid_request", { detail: "This is no HTTP request that can be read." }));
  });
  return server;
}

/** RFC 9112 §3.2: HTTP/1.1 has a Host. Node refuses what has none without a problem document, so it is looked at here. */
function namesHost({ headers, httpVersion }: IncomingMessage): boolean {
  return headers.host !== undefined || httpVersion === "1.0";
}

/** Answers on a bare connection with a problem document, to a HEAD with its headers alone (RFC 9110 §9.3.2), and ends it. */
export function refuseRaw(socket: Duplex, error: CallsealError, options: { head?: boolean } = {}): void {
  const cutOff = setTimeout(() => socket.destroy(), refusalTimeoutMs);
  cutOff.unref();
  socket.once("close", () => clearTimeout(cutOff));
  socket.on("error", () => socket.destroy());
  const { head, body } = refusal(error);
  socket.end(options.head ? head : head + body, () => socket.destroy());
}

function refusal(error: CallsealError): { head: string; body: string } {
  const correlationId = newCorrelationId();
  const problem = problemDocument(error, correlationId);
  const body = JSON.stringify(problem);
  const headers = {
    "Content-Type": "application/problem+json",
    "Content-Length": String(Buffer.byteLength(body)),
    "X-Correlation-Id": correlationId,
    Connection: "close",
    ...problemHeaders(error),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return { head: [`HTTP/1.1 ${problem.status} ${problem.title}`, ...lines, "", ""].join("\r\n"), body };
}
