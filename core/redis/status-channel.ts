import { setTimeout as delay } from "node:timers/promises";
import type { Session } from "../verification/session.ts";
import type { RedisClient } from "./connections.ts";
import { type Keyspace, sessionKeys } from "./keys.ts";
import { parseRecord } from "./parse-record.ts";

/** Hears a session's terminal state, or `undefined` when messages may have been missed and the record must be read. */
export type StatusListener = (session: Session | undefined) => void;

const subscribeAgainMs = 100;

interface Held {
  listeners: Set<StatusListener>;
  /** Settles when the subscription is live for the first time, or when it never will be. */
  live: PromiseWithResolvers<void>;
  wasLive: boolean;
}

/**
 * The status messages of all sessions over one subscriber connection (under Cluster: one a shard), however many
 * listeners wait: a channel is subscribed when its first listener comes and left with its last. Pub/sub is a hint, the
 * record is the truth, so after a reconnect every listener is told to read again.
 */
export class StatusChannel {
  readonly #subscriber: RedisClient;
  readonly #keyspace: Keyspace;
  readonly #sharded: boolean;
  readonly #channels = new Map<string, Held>();

  constructor(subscriber: RedisClient, options: { keyspace: Keyspace; sharded: boolean }) {
    this.#subscriber = subscriber;
    this.#keyspace = options.keyspace;
    this.#sharded = options.sharded;
    subscriber.on(options.sharded ? "smessage" : "message", (channel: string, message: string) =>
      this.#deliver(channel, message),
    );
    // A Cluster stays ready when one shard's subscriber is lost and replaced.
    subscriber.on(options.sharded ? "subscribersReady" : "ready", () => this.#resync());
    subscriber.on("end", () => this.#giveUp());
  }

  /** Whether the one connection is up. */
  get ready(): boolean {
    return this.#subscriber.status === "ready";
  }

  /** Resolves when the connection is up for the first time, however long Redis takes. */
  async untilReady(): Promise<void> {
    await this.#subscriber.ping();
  }

  /** How many channels are held now. */
  get size(): number {
    return this.#channels.size;
  }

  /**
   * Resolves when the subscription is live: what is published from then on reaches the listener. Returns the way out.
   * While Redis is away that takes as long as Redis does; rejects only when the connection was closed for good.
   */
  async listen(sessionId: string, listener: StatusListener): Promise<() => void> {
    const { channel } = sessionKeys(this.#keyspace, sessionId);
    const held = this.#channels.get(channel) ?? this.#hold(channel);
    held.listeners.add(listener);
    let left = false;
    const leave = () => {
      if (left) return;
      left = true;
      held.listeners.delete(listener);
      if (held.listeners.size === 0 && this.#channels.get(channel) === held) this.#unsubscribe(channel);
    };
    try {
      await held.live.promise;
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }

  #hold(channel: string): Held {
    const held: Held = { listeners: new Set(), live: Promise.withResolvers(), wasLive: false };
    this.#channels.set(channel, held);
    this.#subscribe(channel, held).catch((error) => held.live.reject(error));
    return held;
  }

  /**
   * Resolves when the channel is live, or is held by nobody any more. A shard that is lost comes back, and refuses until
   * then; elsewhere the client itself repeats the command.
   */
  async #subscribe(channel: string, held: Held): Promise<void> {
    for (;;) {
      try {
        await (this.#sharded ? this.#subscriber.ssubscribe(channel) : this.#subscriber.subscribe(channel));
        held.wasLive = true;
        held.live.resolve();
        return;
      } catch (error) {
        if (!this.#sharded || this.#subscriber.status === "end") throw error;
      }
      await delay(subscribeAgainMs);
      if (this.#channels.get(channel) !== held) return;
    }
  }

  /** Left in the next turn: whoever was woken in this one is answered first, and who comes back at once is still heard. */
  #unsubscribe(channel: string): void {
    this.#channels.delete(channel);
    setImmediate(() => {
      if (this.#channels.has(channel)) return;
      const done = this.#sharded ? this.#subscriber.sunsubscribe(channel) : this.#subscriber.unsubscribe(channel);
      // A connection that is gone holds no subscription either.
      done.catch(() => undefined);
    });
  }

  #deliver(channel: string, message: string): void {
    const held = this.#channels.get(channel);
    if (!held) return;
    const session = parseRecord(message, Date.now());
    for (const listener of [...held.listeners]) listener(session);
  }

  /**
   * The connection is back. Only when a channel is live again are its listeners told to read: before that, what is
   * published after their reading would be lost. A channel that was never live has missed nothing.
   */
  #resync(): void {
    for (const [channel, held] of this.#channels) {
      const { wasLive } = held;
      this.#subscribe(channel, held).then(
        () => {
          if (wasLive) for (const listener of [...held.listeners]) listener(undefined);
        },
        () => undefined,
      );
    }
  }

  #giveUp(): void {
    for (const { live } of this.#channels.values()) live.reject(new Error("the subscriber connection is closed"));
  }
}
