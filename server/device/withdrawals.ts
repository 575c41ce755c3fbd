import type { Session } from "../../core/verification/session.ts";
import { type FollowParts, followSession } from "../waiting/follow-session.ts";
import type { DeviceSockets } from "./device-sockets.ts";

interface Watch {
  devices: Set<string>;
  stop: () => void;
}

/** Tells the devices that were shown a session when it is over. The gateway that showed it watches it. */
export class Withdrawals {
  readonly #parts: FollowParts & { sockets: DeviceSockets };
  readonly #watches = new Map<string, Watch>();
  #closed = false;

  constructor(parts: FollowParts & { sockets: DeviceSockets }) {
    this.#parts = parts;
  }

  /** A gateway that stops begins no watch any more: an offer that is under way then is withdrawn by nobody. */
  watch(session: Session, deviceId: string): void {
    if (this.#closed) return;
    const { sessionId } = session;
    const watched = this.#watches.get(sessionId);
    if (watched) {
      watched.devices.add(deviceId);
      return;
    }
    const stop = followSession(this.#parts, session, (ended) => this.#end(ended));
    this.#watches.set(sessionId, { devices: new Set([deviceId]), stop });
  }

  close(): void {
    this.#closed = true;
    for (const { stop } of this.#watches.values()) stop();
    this.#watches.clear();
  }

  #end(session: Session): void {
    const watched = this.#watches.get(session.sessionId);
    if (!watched) return;
    this.#watches.delete(session.sessionId);
    // The device that decided has its acknowledgement.
    if (session.status === "confirmed" || session.status === "denied") watched.devices.delete(session.deviceId);
    this.#parts.sockets.withdraw(watched.devices, { sessionId: session.sessionId, reason: session.status });
  }
}
