import type { Socket } from "socket.io";

/** The connection under a Socket.IO socket. */
export type Connection = Socket["conn"];

export interface WebSocketLike {
  readonly readyState: number;
  readonly OPEN: number;
  readonly bufferedAmount: number;
  on(event: "ping", listener: (this: WebSocketLike) => void): unknown;
  terminate(): void;
}

/** What engine.io keeps to itself: packets that wait for the transport, and the WebSocket of the `ws` package. */
interface Inside {
  writeBuffer: { data?: string | Buffer }[];
  transport: { socket: WebSocketLike };
}

export function webSocketOf(connection: Connection): WebSocketLike {
  return (connection as unknown as Inside).transport.socket;
}

/** What was sent to a client and is still in this process, because the client does not read: packets, then frames. */
export function bufferedBytes(connection: Connection): number {
  const { writeBuffer } = connection as unknown as Inside;
  let bytes = webSocketOf(connection).bufferedAmount;
  for (const { data } of writeBuffer) bytes += data?.length ?? 0;
  return bytes;
}
