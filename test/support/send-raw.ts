import { once } from "node:events";
import { connect } from "node:net";
import type { TestGateway } from "./gateway.ts";

export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  status: number;
  text: string;
  /** The JSON after the head, or an empty object. */
  body: Record<string, unknown>;
}

/**
 * Writes bytes to a fresh TCP connection and reads what comes back, until the gateway closes it or one whole answer is
 * there. Give a function to go on writing until the connection is closed.
 */
export async function sendRaw(
  gateway: TestGateway,
  bytes: string | Buffer,
  options: { goOn?: () => string | Buffer; withinMs?: number } = {},
): Promise<RawAnswer> {
  const socket = connect(gateway.port, "127.0.0.1");
  await once(socket, "connect");
  socket.on("error", () => undefined);
  let received = "";
  const answered = new Promise<void>((resolve) => {
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      if (isWhole(received)) resolve();
    });
    socket.once("close", () => resolve());
    socket.setTimeout(options.withinMs ?? 8000, () => socket.destroy());
  });
  socket.write(bytes);
  const writeOn = () => {
    while (options.goOn && socket.writable && socket.write(options.goOn()));
  };
  socket.on("drain", writeOn);
  writeOn();
  await answered;
  socket.destroy();
  return parseAnswer(received);
}

function isWhole(received: string): boolean {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = /^content-length: *(\d+)/im.exec(received.slice(0, end))?.[1];
  return length === undefined
    ? / (?:204|304) /.test(received.slice(0, 16))
    : received.length >= end + 4 + Number(length);
}

function parseAnswer(received: string): RawAnswer {
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1] ?? 0);
  const text = Buffer.from(received.slice(received.indexOf("\r\n\r\n") + 4), "latin1").toString("utf8");
  try {
    return { status, text, body: JSON.parse(text) as Record<string, unknown> };
  } catch {
    return { status, text, body: {} };
  }
}
