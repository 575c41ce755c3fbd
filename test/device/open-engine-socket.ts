import { once } from "node:events";
import type { GatewayFixture, TestGateway } from "../support/gateway.ts";
import { waitFor } from "../support/wait-for.ts";

/** A bare WebSocket to the engine.io endpoint: every frame is the test's own. */
export interface EngineSocket {
  send(frame: string | Buffer): void;
  /** Text frames that came, oldest first, without engine.io's pings. */
  heard: string[];
  /** Waits for a frame that begins so. */
  until(start: string): Promise<string>;
  closed: Promise<unknown>;
  close(): void;
}

export async function openEngineSocket(
  fixture: Pick<GatewayFixture, "closeAfter">,
  gateway: TestGateway,
): Promise<EngineSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/socket.io/?EIO=4&transport=websocket`);
  fixture.closeAfter(() => socket.close());
  const heard: string[] = [];
  socket.addEventListener("message", ({ data }) => {
    if (typeof data === "string" && data !== "2") heard.push(data);
  });
  const closed = once(socket, "close");
  await once(socket, "open");
  return {
    heard,
    closed,
    send(frame) {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame);
    },
    until: (start) =>
      waitFor(`a frame that begins with ${start}`, () => heard.find((frame) => frame.startsWith(start))),
    close: () => socket.close(),
  };
}
