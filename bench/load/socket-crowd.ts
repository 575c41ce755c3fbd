import type { BenchDevice } from "../stack/enrol-devices.ts";
import { CallerPhone } from "./caller-phone.ts";
import { openWebSocket, type RawWebSocket } from "./raw-web-socket.ts";
import { SocketIoClient } from "./socket-io-client.ts";

export type CrowdKind = "callseal" | "socket.io" | "ws";

export interface CrowdOptions {
  kind: CrowdKind;
  url: string;
  count: number;
  /** For `callseal`: one device a socket. */
  devices?: BenchDevice[];
  /** The `aud` of the devices' tokens. */
  origin?: string;
}

const openedAtOnce = 40;
/** As many source addresses, so that ports do not run out and no address looks like one busy client. */
const addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"] as const;

/** Many idle sockets of one kind, each as its clients open it. */
export class SocketCrowd {
  readonly #sockets: (SocketIoClient | RawWebSocket)[] = [];

  get open(): number {
    return this.#sockets.filter(({ open }) => open).length;
  }

  /** Opens more of them; returns how many are open now. */
  async grow(options: CrowdOptions): Promise<number> {
    let next = 0;
    const lane = async () => {
      while (next < options.count) {
        const index = next;
        next += 1;
        this.#sockets.push(await openOne(options, index));
      }
    };
    await Promise.all(Array.from({ length: openedAtOnce }, lane));
    return this.open;
  }

  close(): void {
    for (const socket of this.#sockets.splice(0)) socket.close();
  }
}

async function openOne(options: CrowdOptions, index: number): Promise<SocketIoClient | RawWebSocket> {
  const { kind, url } = options;
  const localAddress = addresses[index % addresses.length]!;
  if (kind === "ws") return await openWebSocket({ url, path: "/", localAddress }, () => undefined);
  if (kind === "socket.io") return await SocketIoClient.open({ url, localAddress });
  const phone = new CallerPhone(options.devices![index]!, options.origin!);
  return await SocketIoClient.open({ url, namespace: "/device", auth: { token: phone.token() }, localAddress });
}
