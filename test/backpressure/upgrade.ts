import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import type { GatewayFixture, TestGateway } from "../support/gateway.ts";

export interface Upgraded {
  /** 101 when the WebSocket is open. */
  status: number;
  headers: IncomingMessage["headers"];
  body: Record<string, unknown>;
  /** The bare connection under the WebSocket; nothing reads it unless the test does. */
  socket?: Socket;
}

/** Asks for a WebSocket to Socket.IO with a bare HTTP upgrade, and says what came of it. */
export async function upgrade(
  fixture: Pick<GatewayFixture, "closeAfter">,
  gateway: TestGateway,
  path = "/socket.io/?EIO=4&transport=websocket",
): Promise<Upgraded> {
  const asked = request(`${gateway.baseUrl}${path}`, {
    agent: false,
    headers: {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
  });
  asked.end();
  const upgraded = once(asked, "upgrade") as Promise<[IncomingMessage, Socket]>;
  const answered = once(asked, "response") as Promise<[IncomingMessage]>;
  const first = await Promise.race([upgraded, answered]);
  const [response, socket] = first as [IncomingMessage, Socket?];
  const { statusCode: status = 0, headers } = response;
  if (socket === undefined) return { status, headers, body: JSON.parse(await text(response)) };
  socket.on("error", () => undefined);
  fixture.closeAfter(() => socket.destroy());
  return { status, headers, body: {}, socket };
}

/** A masked WebSocket frame of a client (RFC 6455 §5.2), at most 65,535 bytes; the mask is zero. */
export function frame(payload: string, opcode = 1): Buffer {
  const data = Buffer.from(payload);
  const length =
    data.length < 126
      ? Buffer.from([0x80 | data.length])
      : Buffer.from([0x80 | 126, data.length >> 8, data.length & 255]);
  return Buffer.concat([Buffer.from([0x80 | opcode]), length, Buffer.alloc(4), data]);
}
