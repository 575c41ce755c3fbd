import type { Session } from "../verification/session.ts";
import type { RedisClient } from "./connections.ts";
import { type Keyspace, sessionKeys } from "./keys.ts";
import { parseRecord } from "./parse-record.ts";

/** Hears a session's terminal state, or `undefined` when messages may have been missed and the record must be read. */
export type StatusListener = (session: Session | undefined) => void;

/**
 * The status messages of all sessions over one subscriber connection, however many listeners wait: a channel is
 * subscribed when its first listener comes and left with its last. Pub/sub is a hint, the record is the truth, so
 * after a reconnect every listener is told to read again.
 */
export class StatusChannel {
  readonly #subscriber: RedisClient;
  readonly #keyspace: Keyspace;
  readonly #sharded: boolean;
  readonly #channels = new Map<string, { listeners: Set<StatusListener>; live: Promise<void> }>();
  #wasReady = false;

  constructor(subscriber: RedisClient, options: { keyspace: Keyspace; sharded: boolean }) {
    this.#subscriber = subscriber;
    this.#keyspace = options.keyspace;
    this.#sharded = options.sharded;
    subscriber.on(options.sharded ? "smessage" : "message", (channel: string, message: string) =>
      this.#deliver(channel, message),
    );
    subscriber.on("ready", () => this.#resync());
  }

  /** How many channels are held now. */
  get size(): number {
    return this.#channels.size;
  }

  /** Resolves when the subscription is live: what is published from then on reaches the listener. Returns the way out. */
  async listen(sessionId: string, listener: StatusListener): Promise<() => void> {
    const { channel } = sessionKeys(this.#keyspace, sessionId);
    const held = this.#channels.get(channel) ?? this.#subscribe(channel);
    held.listeners.add(listener);
    let left = false;
    const leave = () => {
      if (left) return;
      left = true;
      held.listeners.delete(listener);
      if (held.listeners.size === 0 && this.#channels.get(channel) === held) this.#unsubscribe(channel);
    };
    try {
      await held.live;
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }

  #subscribe(channel: string) {
    const live = this.#sharded ? this.#subscriber.ssubscribe(channel) : this.#subscriber.subscribe(channel);
    const held = { listeners: new Set<StatusListener>(), live: live.then(() => undefined) };
    this.#channels.set(channel, held);
    return held;
  }

  #unsubscribe(channel: string): void {
    this.#channels.delete(channel);
    const done = this.#sharded ? this.#subscriber.sunsubscribe(channel) : this.#subscriber.unsubscribe(channel);
    // A connection that is gone holds no subscription either.
    done.catch(() => undefined);
  }

  #deliver(channel: string, message: string): void {
    const held = this.#channels.get(channel);
    if (!held) return;
    const session = parseRecord(message, Date.now());
    for (const listener of [...held.listeners]) listener(session);
  }

  #resync(): void {
    if (this.#wasReady) {
      for (const { listeners } of [...this.#channels.values()])
        for (const listener of [...listeners]) listener(undefined);
    }
    this.#wasReady = true;
  }
}
