import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Server, Socket } from "socket.io";
import { refuseRaw } from "../../core/http/guarded-server.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { Admission } from "./admission.ts";
import { bufferedBytes, type Connection, type WebSocketLike, webSocketOf } from "./buffered-bytes.ts";
import type { Release } from "./capacity.ts";
import { FrameBudget } from "./frame-budget.ts";

/** An offer has about 3 KB; whoever has so much unread reads nothing any more, and gets it again when it comes back. */
export const mostBufferedBytes = 131_072;

/** A place among the sockets, in one namespace; taken before its holder is known. */
interface Place {
  readonly namespace: string;
  readonly release: Release;
  isSignedIn: boolean;
}

/** What one WebSocket connection holds: its place among the unknown, and one among the sockets per namespace. */
class Held {
  readonly budget = new FrameBudget();
  places: Place[] = [];
  isClosed = false;
  #leaveHandshakes: Release | undefined;

  constructor(leaveHandshakes: Release) {
    this.#leaveHandshakes = leaveHandshakes;
  }

  signIn(place: Place): void {
    place.isSignedIn = true;
    // Whoever has hung up meanwhile kept their place as long as there was work for them, and no longer.
    if (this.isClosed) this.leave(place);
    this.leaveHandshakes();
    this.budget.signIn(performance.now());
  }

  leave(place: Place): void {
    place.release();
    this.places = this.places.filter((other) => other !== place);
  }

  leaveHandshakes(): void {
    this.#leaveHandshakes?.();
    this.#leaveHandshakes = undefined;
  }

  close(): void {
    this.isClosed = true;
    this.leaveHandshakes();
    for (const place of this.places) if (place.isSignedIn) this.leave(place);
  }
}

type AnySocket = Pick<Socket, "conn" | "handshake"> & { nsp: { name: string } };
type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * Bounds what connects to Socket.IO. A connection that is not signed in has a place of its own kind, a few frames and
 * the handshake deadline; one that is has a place among the sockets. Whoever floods or does not read is cut off.
 */
export class SocketGate {
  readonly #admission: Admission;
  /** By TCP connection until Socket.IO has made one of its own of it, by that from then on. */
  readonly #held = new WeakMap<Duplex | Connection, Held>();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #listeners = gateListeners({ held: this.#held, cut: (webSocket, reason) => this.#cut(webSocket, reason) });

  constructor(admission: Admission) {
    this.#admission = admission;
  }

  /** Stands before the upgrades of a Socket.IO server that is attached already. */
  guard(server: HttpServer, io: Server): void {
    const upgrades = server.listeners("upgrade") as Upgrade[];
    server.removeAllListeners("upgrade");
    server.on("upgrade", (request, socket, head) => {
      const held = this.#letIn(request, socket, `${io.path()}/`);
      if (!held) return;
      const known = socket.rawListeners("close");
      for (const upgrade of upgrades) upgrade.call(server, request, socket, head);
      forgetResponse(socket, known);
      socket.on("close", () => held.close());
    });
    io.engine.on("connection", (connection: Connection) => this.#watch(connection));
  }

  /**
   * Signs a socket in with a place among the sockets, which it keeps until it disconnects. Throws `unavailable` when
   * none is left, and what `authenticate` throws.
   */
  async signIn<Result>(socket: AnySocket, authenticate: () => Promise<Result>): Promise<Result> {
    const held = this.#held.get(socket.conn);
    const { name } = socket.nsp;
    // No client signs in twice at once; one that does would be answered as often as it asks.
    if (!held || held.places.some(({ namespace }) => namespace === name)) {
      socket.conn.close();
      throw new CallsealError("invalid_request", { detail: "a handshake is under way already" });
    }
    const place: Place = { namespace: name, release: this.#admission.sockets.take(), isSignedIn: false };
    held.places = held.places.concat(place);
    const work = authenticate();
    this.#underWay.add(work);
    try {
      const result = await work;
      held.signIn(place);
      forgetHandshake(socket);
      return result;
    } catch (error) {
      held.leave(place);
      throw error;
    } finally {
      this.#underWay.delete(work);
    }
  }

  /** Waits for the handshakes under way: a gateway that stops finishes them before it leaves Redis. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#underWay]);
  }

  /** A socket has left its namespace. A connection without any is nobody's, and past its handshake deadline. */
  left(socket: AnySocket): void {
    const held = this.#held.get(socket.conn);
    const place = held?.places.find(({ namespace }) => namespace === socket.nsp.name);
    if (place) held!.leave(place);
    if (held?.places.length === 0) socket.conn.close();
  }

  #letIn(request: IncomingMessage, socket: Duplex, path: string): Held | undefined {
    if (!request.url?.startsWith(path)) {
      refuseRaw(socket, new CallsealError("not_found", { detail: "There is nothing at this address." }));
      return undefined;
    }
    const { handshakes } = this.#admission;
    const leaveHandshakes = handshakes.tryTake();
    if (!leaveHandshakes) {
      refuseRaw(socket, handshakes.refusal());
      return undefined;
    }
    const held = new Held(leaveHandshakes);
    this.#held.set(socket, held);
    return held;
  }

  #watch(connection: Connection): void {
    const tcp = connection.request.socket;
    const held = this.#held.get(tcp);
    if (!held) return;
    this.#held.delete(tcp);
    this.#held.set(connection, held);
    connection.on("packet", this.#listeners.packet);
    connection.on("packetCreate", this.#listeners.packetCreate);
    // Pongs are sent below engine.io, and pile up likewise.
    webSocketOf(connection).on("ping", this.#listeners.ping);
  }

  /** At once: after a polite close the peer could go on sending for half a minute. */
  #cut(webSocket: WebSocketLike, reason: "flood" | "slow_reader"): void {
    if (webSocket.readyState !== webSocket.OPEN) return;
    this.#admission.noteClosed(reason);
    webSocket.terminate();
  }
}

/** Of all connections: tens of thousands of them wait idle, and listeners of their own would cost each half a kilobyte. */
function gateListeners(gate: {
  held: WeakMap<Duplex | Connection, Held>;
  cut: (webSocket: WebSocketLike, reason: "flood" | "slow_reader") => void;
}) {
  return {
    packet(this: Connection): void {
      if (!gate.held.get(this)?.budget.spend(performance.now())) gate.cut(webSocketOf(this), "flood");
    },
    packetCreate(this: Connection): void {
      if (this.readyState === "open" && bufferedBytes(this) > mostBufferedBytes)
        gate.cut(webSocketOf(this), "slow_reader");
    },
    ping(this: WebSocketLike): void {
      if (this.bufferedAmount > mostBufferedBytes) gate.cut(this, "slow_reader");
    },
  };
}

/**
 * A socket that is signed in needs its request no more: headers, URL and token, which would stay as long as the socket
 * (https://socket.io/docs/v4/memory-usage/). Socket.IO itself runs without a request where there is none (WebTransport).
 */
function forgetHandshake(socket: AnySocket): void {
  const kept = { socket: socket as { handshake: unknown }, connection: socket.conn as { request: unknown } };
  kept.socket.handshake = undefined;
  kept.connection.request = undefined;
}

/**
 * engine.io listens for the end of the connection, once, to tell it to middlewares, of which there are none here: that
 * listener would keep the request as long as the connection.
 */
function forgetResponse(socket: Duplex, known: readonly unknown[]): void {
  for (const listener of socket.rawListeners("close") as (() => void)[]) {
    if ("listener" in listener && !known.includes(listener)) socket.off("close", listener);
  }
}
