import { openWebSocket, type RawWebSocket } from "./raw-web-socket.ts";

export interface SocketIoTarget {
  url: string;
  /** Default `/`, the default namespace. */
  namespace?: string;
  auth?: Record<string, unknown>;
  localAddress?: string;
}

type Ack = (answer: Record<string, unknown>) => void;

/** A Socket.IO v5-protocol client over one WebSocket: connects to one namespace, emits with acknowledgement. */
export class SocketIoClient {
  readonly #namespace: string;
  readonly #acks = new Map<number, Ack>();
  readonly #connected = Promise.withResolvers<void>();
  #socket: RawWebSocket | undefined;
  #lastAck = 0;

  private constructor(namespace: string) {
    this.#namespace = namespace === "/" ? "" : `${namespace},`;
  }

  static async open(target: SocketIoTarget): Promise<SocketIoClient> {
    const client = new SocketIoClient(target.namespace ?? "/");
    const auth = JSON.stringify(target.auth ?? {});
    const { url, localAddress } = target;
    client.#socket = await openWebSocket(
      { url, path: "/socket.io/?EIO=4&transport=websocket", ...(localAddress === undefined ? {} : { localAddress }) },
      (text) => client.#read(text, auth),
    );
    await client.#connected.promise;
    return client;
  }

  get open(): boolean {
    return this.#socket?.open ?? false;
  }

  /** `onAck` is called with the acknowledgement's first argument. */
  emit(event: string, payload: unknown, onAck: Ack): void {
    this.#lastAck += 1;
    this.#acks.set(this.#lastAck, onAck);
    this.#socket!.send(`42${this.#namespace}${this.#lastAck}${JSON.stringify([event, payload])}`);
  }

  ask(event: string, payload: unknown): Promise<Record<string, unknown>> {
    return new Promise((resolve) => this.emit(event, payload, resolve));
  }

  close(): void {
    this.#socket?.close();
  }

  /** Engine.IO: 0 open, 2 ping, 4 message; Socket.IO within it: 0 connected, 3 acknowledgement, 4 refused. */
  #read(text: string, auth: string): void {
    if (text === "2") this.#socket!.send("3");
    else if (text.startsWith("0")) this.#socket!.send(`40${this.#namespace}${auth}`);
    else if (text.startsWith("43")) this.#acknowledge(text.slice(2 + this.#namespace.length));
    else if (text.startsWith("40")) this.#connected.resolve();
    else if (text.startsWith("44")) this.#connected.reject(new Error(`refused: ${text}`));
  }

  #acknowledge(text: string): void {
    const id = Number.parseInt(text, 10);
    const onAck = this.#acks.get(id);
    this.#acks.delete(id);
    onAck?.((JSON.parse(text.slice(String(id).length)) as Record<string, unknown>[])[0] ?? {});
  }
}
