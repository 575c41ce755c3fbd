import type { SessionStore } from "../../core/redis/session-store.ts";
import type { StatusChannel } from "../../core/redis/status-channel.ts";
import { isTerminal, type Session } from "../../core/verification/session.ts";
import type { Background } from "../background.ts";
import type { DeviceSockets } from "./device-sockets.ts";

interface Watch {
  devices: Set<string>;
  stop: () => void;
}

/** A little after the deadline, for the record to read as over. */
const expirySlackMs = 50;

/** Tells the devices that were shown a session when it is over. The gateway that showed it watches it. */
export class Withdrawals {
  readonly #sessions: SessionStore;
  readonly #channel: StatusChannel;
  readonly #sockets: DeviceSockets;
  readonly #background: Background;
  readonly #watches = new Map<string, Watch>();

  constructor(options: {
    sessions: SessionStore;
    channel: StatusChannel;
    sockets: DeviceSockets;
    background: Background;
  }) {
    this.#sessions = options.sessions;
    this.#channel = options.channel;
    this.#sockets = options.sockets;
    this.#background = options.background;
  }

  watch(session: Session, deviceId: string): void {
    const { sessionId } = session;
    const watched = this.#watches.get(sessionId);
    if (watched) {
      watched.devices.add(deviceId);
      return;
    }
    const check = () => this.#background.run("withdrawal.check", () => this.#check(sessionId));
    const timer = setTimeout(check, session.expiresAtMs - session.readAtMs + expirySlackMs);
    const listening = this.#channel.listen(sessionId, (heard) => (heard ? this.#end(heard) : check()));
    this.#watches.set(sessionId, {
      devices: new Set([deviceId]),
      stop: () => {
        clearTimeout(timer);
        listening.then(
          (leave) => leave(),
          () => undefined,
        );
      },
    });
    // What ended before the subscription was live is in the record.
    this.#background.run("withdrawal.listen", async () => {
      await listening;
      await this.#check(sessionId);
    });
  }

  close(): void {
    for (const { stop } of this.#watches.values()) stop();
    this.#watches.clear();
  }

  async #check(sessionId: string): Promise<void> {
    const session = await this.#sessions.read(sessionId, undefined);
    if (session && isTerminal(session.status)) this.#end(session);
  }

  #end(session: Session): void {
    const watched = this.#watches.get(session.sessionId);
    if (!watched) return;
    this.#watches.delete(session.sessionId);
    watched.stop();
    // The device that decided has its acknowledgement.
    if (session.status === "confirmed" || session.status === "denied") watched.devices.delete(session.deviceId);
    this.#sockets.withdraw(watched.devices, { sessionId: session.sessionId, reason: session.status });
  }
}
