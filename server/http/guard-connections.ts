import type { Server } from "node:http";
import type { Duplex } from "node:stream";
import { newCorrelationId } from "../../core/http/correlation-id.ts";
import { problemDocument } from "../../core/http/problem-document.ts";
import { CallsealError } from "../../core/verification/errors.ts";

/** Longer than the idle time of common load balancers (60 s), so that they close a connection, not we under a request. */
const keepAliveTimeoutMs = 75_000;
/** Time to send a request, answers not included: a long poll is short to send. */
const requestTimeoutMs = 30_000;
const headersTimeoutMs = 15_000;

/** Bounds what a connection may take, and answers what is no HTTP request with a problem document too (PROTOCOL §8). */
export function guardConnections(server: Server): void {
  server.keepAliveTimeout = keepAliveTimeoutMs;
  server.requestTimeout = requestTimeoutMs;
  server.headersTimeout = headersTimeoutMs;
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    socket.end(refusal(), () => socket.destroy());
  });
}

function refusal(): string {
  const correlationId = newCorrelationId();
  const error = new CallsealError("invalid_request", { detail: "This is no HTTP request that can be read." });
  const body = JSON.stringify(problemDocument(error, correlationId));
  return [
    "HTTP/1.1 400 Bad Request",
    "Content-Type: application/problem+json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Correlation-Id: ${correlationId}`,
    "Cache-Control: no-store",
    "Connection: close",
    "",
    body,
  ].join("\r\n");
}
