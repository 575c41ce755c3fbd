import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Wire {
  /** Origin that leads through the wire. */
  url: string;
  /** Chunks from the gateway that never arrived. */
  readonly lost: number;
  /** From now on nothing comes back over the connections that are open; new ones are whole. */
  loseAnswers(): void;
  close(): Promise<void>;
}

/** A TCP wire between a device and its gateway that goes dead in one direction on command, as a phone's does in a tunnel. */
export async function startWire(gatewayUrl: string): Promise<Wire> {
  const target = new URL(gatewayUrl);
  const sockets = new Set<Socket>();
  let dead = new Set<Socket>();
  let lost = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    const pairs: [Socket, Socket][] = [
      [client, upstream],
      [upstream, client],
    ];
    for (const [socket, other] of pairs) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on("data", (chunk) => upstream.write(chunk));
    upstream.on("data", (chunk) => {
      if (dead.has(client)) lost += 1;
      else client.write(chunk);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get lost() {
      return lost;
    },
    loseAnswers: () => {
      dead = new Set(sockets);
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
