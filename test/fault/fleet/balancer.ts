import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** One address in front of all gateways, as a deployment has it: new connections go round, and past a gateway that is away. */
export interface Balancer {
  url: string;
  /** Connections that no gateway took: every one of them was away. */
  readonly refused: number;
  close(): Promise<void>;
}

/** Starts a TCP balancer on a free port; `addresses` tells which gateways there are now. */
export async function startBalancer(addresses: () => readonly string[]): Promise<Balancer> {
  const open = new Set<Socket>();
  let turn = 0;
  let refused = 0;

  const server = createServer((client) => {
    hold(client);
    turn += 1;
    const known = addresses();
    lead(client, [...known.slice(turn % known.length), ...known.slice(0, turn % known.length)]);
  });
  const hold = (socket: Socket) => {
    open.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    socket.on("close", () => open.delete(socket));
  };
  const lead = (client: Socket, [next, ...others]: string[]): void => {
    if (next === undefined) {
      refused += 1;
      client.resetAndDestroy();
      return;
    }
    const { hostname, port } = new URL(next);
    const upstream = connect(Number(port), hostname);
    hold(upstream);
    const pass = () => lead(client, others);
    upstream.once("error", pass);
    upstream.once("connect", () => {
      upstream.off("error", pass);
      // A broken connection breaks the other half at once: that is how a client learns that its gateway has died.
      upstream.on("close", () => client.destroy());
      client.on("close", () => upstream.destroy());
      client.pipe(upstream).pipe(client);
    });
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get refused() {
      return refused;
    },
    async close() {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, "close");
    },
  };
}
