import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Server, Socket } from "socket.io";
import { refuseRaw } from "../../core/http/guarded-server.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { Admission } from "./admission.ts";
import { bufferedBytes, type Connection, webSocketOf } from "./buffered-bytes.ts";
import type { Release } from "./capacity.ts";
import { FrameBudget } from "./frame-budget.ts";

/** An offer has about 3 KB; whoever has so much unread reads nothing any more, and gets it again when it comes back. */
export const mostBufferedBytes = 131_072;

const closeTimeoutMs = 2000;

/** What one WebSocket connection holds: its place among the unknown, and one among the sockets per namespace. */
interface Held {
  readonly budget: FrameBudget;
  readonly leaveHandshakes: Release;
  readonly namespaces: Map<string, Release>;
  readonly signingIn: Set<string>;
  isClosed: boolean;
}

type AnySocket = Pick<Socket, "conn"> & { nsp: { name: string } };
type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * Bounds what connects to Socket.IO. A connection that is not signed in has a place of its own kind, a few frames and
 * the handshake deadline; one that is has a place among the sockets. Whoever floods or does not read is cut off.
 */
export class SocketGate {
  readonly #admission: Admission;
  readonly #held = new WeakMap<Duplex, Held>();
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(admission: Admission) {
    this.#admission = admission;
  }

  /** Stands before the upgrades of a Socket.IO server that is attached already. */
  guard(server: HttpServer, io: Server): void {
    const upgrades = server.listeners("upgrade") as Upgrade[];
    server.removeAllListeners("upgrade");
    server.on("upgrade", (request, socket, head) => {
      if (this.#letIn(request, socket, `${io.path()}/`)) {
        for (const upgrade of upgrades) upgrade.call(server, request, socket, head);
      }
    });
    io.engine.on("connection", (connection: Connection) => this.#watch(connection));
  }

  /**
   * Signs a socket in with a place among the sockets, which it keeps until it disconnects. Throws `unavailable` when
   * none is left, and what `authenticate` throws.
   */
  async signIn<Result>(socket: AnySocket, authenticate: () => Promise<Result>): Promise<Result> {
    const held = this.#held.get(socket.conn.request.socket);
    const { name } = socket.nsp;
    // No client signs in twice at once; one that does would be answered as often as it asks.
    if (!held || held.namespaces.has(name) || held.signingIn.has(name)) {
      socket.conn.close();
      throw new CallsealError("invalid_request", { detail: "a handshake is under way already" });
    }
    const release = this.#admission.sockets.take();
    held.signingIn.add(name);
    const work = authenticate();
    this.#underWay.add(work);
    try {
      const result = await work;
      // Whoever has hung up meanwhile kept their place as long as there was work for them, and no longer.
      if (held.isClosed) release();
      else held.namespaces.set(name, release);
      held.leaveHandshakes();
      held.budget.signIn(performance.now());
      return result;
    } catch (error) {
      release();
      throw error;
    } finally {
      held.signingIn.delete(name);
      this.#underWay.delete(work);
    }
  }

  /** Waits for the handshakes under way: a gateway that stops finishes them before it leaves Redis. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#underWay]);
  }

  /** A socket has left its namespace. A connection without any is nobody's, and past its handshake deadline. */
  left(socket: AnySocket): void {
    const held = this.#held.get(socket.conn.request.socket);
    held?.namespaces.get(socket.nsp.name)?.();
    held?.namespaces.delete(socket.nsp.name);
    if (held?.namespaces.size === 0 && held.signingIn.size === 0) socket.conn.close();
  }

  #letIn(request: IncomingMessage, socket: Duplex, path: string): boolean {
    if (!request.url?.startsWith(path)) {
      refuseRaw(socket, new CallsealError("not_found", { detail: "There is nothing at this address." }));
      return false;
    }
    const { handshakes } = this.#admission;
    const leaveHandshakes = handshakes.tryTake();
    if (!leaveHandshakes) {
      refuseRaw(socket, handshakes.refusal());
      return false;
    }
    const held: Held = {
      budget: new FrameBudget(),
      leaveHandshakes,
      namespaces: new Map(),
      signingIn: new Set(),
      isClosed: false,
    };
    this.#held.set(socket, held);
    socket.once("close", () => {
      held.isClosed = true;
      leaveHandshakes();
      for (const release of held.namespaces.values()) release();
      held.namespaces.clear();
    });
    return true;
  }

  #watch(connection: Connection): void {
    const held = this.#held.get(connection.request.socket);
    if (!held) return;
    const webSocket = webSocketOf(connection);
    let isCut = false;
    const cut = (reason: "flood" | "slow_reader") => {
      if (isCut) return;
      isCut = true;
      this.#admission.noteClosed(reason);
      // At once: after a polite close the peer could go on sending for half a minute.
      webSocket.terminate();
    };
    const checkReader = () => {
      if (connection.readyState === "open" && bufferedBytes(connection) > mostBufferedBytes) cut("slow_reader");
    };
    connection.on("packet", () => {
      if (!held.budget.spend(performance.now())) cut("flood");
    });
    connection.on("packetCreate", checkReader);
    // A peer that does not answer the close would hold its connection for half a minute more.
    connection.on("close", () => setTimeout(() => webSocket.terminate(), closeTimeoutMs).unref());
    // Pongs are sent below engine.io, and pile up likewise.
    webSocket.on("ping", checkReader);
  }
}
