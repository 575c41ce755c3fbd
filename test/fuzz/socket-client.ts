import { FuzzFinding } from "./entrance.ts";
import { FuzzSocket } from "./web-socket.ts";

export type Ack = Record<string, unknown>;

/** A Socket.IO client (protocol 5 in Engine.IO 4) of one namespace that can also send packets as they are written. */
export class SocketClient {
  readonly raw: FuzzSocket;
  readonly namespace: string;
  readonly #acks = new Map<number, (ack: Ack | undefined) => void>();
  #last = 0;

  private constructor(raw: FuzzSocket, namespace: string) {
    this.raw = raw;
    this.namespace = namespace;
    const start = `43${namespace},`;
    raw.onText((text) => {
      if (text.startsWith(start)) this.#acknowledge(text.slice(start.length));
    });
    void raw.closed.then(() => {
      for (const settle of this.#acks.values()) settle(undefined);
      this.#acks.clear();
    });
  }

  /** Resolves with the client, or with the refusal; throws a FuzzFinding when there is neither. */
  static async open(port: number, namespace: string, auth: string): Promise<SocketClient | { refused: string }> {
    const raw = await FuzzSocket.open(port);
    const answer = raw.next((text) => text.startsWith("40") || text.startsWith("44"));
    raw.send(`40${namespace === "/" ? "" : `${namespace},`}${auth}`);
    const text = await answer;
    if (text?.startsWith("40")) return new SocketClient(raw, namespace);
    const closed = !raw.open;
    raw.destroy();
    if (text === undefined && !closed) throw new FuzzFinding("a handshake was not answered", auth);
    return { refused: text ?? "closed" };
  }

  /** The acknowledgement of an event given as JSON text of its arguments; undefined when the socket was closed. */
  ask(event: string, argument: string): Promise<Ack | undefined> {
    const id = this.#reserve();
    const acked = this.#wait(id);
    this.raw.send(`42${this.namespace},${id}[${JSON.stringify(event)}${argument === "" ? "" : `,${argument}`}]`);
    return acked;
  }

  #reserve(): number {
    this.#last += 1;
    return this.#last;
  }

  #wait(id: number): Promise<Ack | undefined> {
    if (!this.raw.open) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new FuzzFinding("a request was not acknowledged")), ackDeadlineMs);
      this.#acks.set(id, (ack) => {
        clearTimeout(timer);
        resolve(ack);
      });
    });
  }

  #acknowledge(text: string): void {
    const id = Number.parseInt(text, 10);
    const settle = this.#acks.get(id);
    this.#acks.delete(id);
    settle?.((JSON.parse(text.slice(String(id).length)) as Ack[])[0] ?? {});
  }
}

const ackDeadlineMs = 12_000;

const codes = new Set([
  "invalid_request",
  "unauthenticated",
  "forbidden",
  "not_found",
  "session_terminal",
  "rate_limited",
  "unavailable",
  "invalid_proof",
  "device_revoked",
  "device_disabled",
  "wrong_did",
  "call_mismatch",
  "subject_mismatch",
  "expired",
  "incoming_call",
  "late_confirmation",
]);

/** The label of an acknowledgement or of a refused handshake's data that PROTOCOL §4 allows. */
export function checkAck(ack: Ack | undefined, sent: unknown): string {
  if (ack === undefined) return "closed";
  if (ack["ok"] === true) return "ok";
  const { code, advice } = ack;
  if (typeof code !== "string" || !codes.has(code)) throw new FuzzFinding(`refused with ${JSON.stringify(ack)}`, sent);
  if (!["retry", "reauthenticate", "stop"].includes(String(advice))) throw new FuzzFinding("no advice", sent);
  return code;
}
