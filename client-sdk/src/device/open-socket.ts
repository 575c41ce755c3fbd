import { io, type Socket } from "socket.io-client";

export interface SocketOptions {
  gatewayUrl: string;
  signToken: () => Promise<string>;
}

/**
 * A socket that is not connected yet (PROTOCOL §4: Socket.IO v4, namespace `/device`, WebSocket only, a fresh token for
 * every handshake). `onUnsigned` is called when the key store gave no signature.
 */
export function openSocket({ gatewayUrl, signToken }: SocketOptions, onUnsigned: () => void): Socket {
  let handshakes = 0;
  return io(`${gatewayUrl}/device`, {
    transports: ["websocket"],
    forceNew: true,
    autoConnect: false,
    // Our policy decides when to come back: the library knows nothing of advice.
    reconnection: false,
    auth: (answer) => {
      const handshake = ++handshakes;
      // A key store may take its time; a token that comes after its handshake was given up belongs to nobody.
      const isCurrent = () => handshake === handshakes;
      signToken().then(
        (token) => isCurrent() && answer({ token }),
        () => isCurrent() && onUnsigned(),
      );
    },
  });
}
