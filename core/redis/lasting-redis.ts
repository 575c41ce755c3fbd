import { Redis, type RedisOptions } from "ioredis";
import { keepAlive } from "./keep-alive.ts";

const reviveAfterMs = 100;
/**
 * How long a duplicate may be silent. BullMQ blocks on it for up to ten seconds, in which nothing else is answered; what
 * is nearer to a fault than this is told by the connection that it was made from.
 */
export const blockingSilenceMs = 12_000;

/** What ioredis itself sends on a new connection and never looks at: the loss of one is no unhandled rejection. */
const sentByItself: readonly string[] = ["subscribe", "psubscribe", "ssubscribe", "select"];

export type LastingOptions = RedisOptions & { replyMapping: "legacy" };

type Command = Parameters<Redis["sendCommand"]>[0];
type Stream = Parameters<Redis["sendCommand"]>[1];
interface Internals {
  manuallyClosing: boolean;
  setStatus(status: "end"): void;
  flushQueue(error: Error): void;
}

/**
 * A connection to one Redis, found directly or through its sentinels, that lasts until we close it.
 *
 * - ioredis ends a connection for ever when it is told to reconnect while it asks the sentinels: this one goes on.
 * - It asks for a sign of life, so that a peer that has frozen or vanished is left after `socketTimeout`.
 * - Its duplicates last likewise. They block and cannot ask, so they leave their peer when this connection lost its own.
 * - Closed while it waits to reconnect, it ends at once, and so do the commands that wait for it.
 */
export class LastingRedis extends Redis {
  // ioredis connects in its constructor, before a class's own fields would be there.
  declare private closed: boolean;
  declare private revival: NodeJS.Timeout | undefined;
  declare private left: Redis["stream"] | undefined;

  constructor(options: LastingOptions, from: { url?: string; parent?: LastingRedis } = {}) {
    if (from.url === undefined) super(options);
    else super(from.url, options);
    // The type of ioredis' own method cannot be spelled outside of it, so this is no override.
    Object.assign(this, { duplicate: (override?: Partial<RedisOptions>) => duplicate(this, override) });
    this.on("end", () => this.revive());
    if (from.parent === undefined) keepAlive(this, () => [this]);
    else leaveWith(from.parent, this);
  }

  override connect(): Promise<void> {
    this.closed = false;
    return super.connect();
  }

  override disconnect(reconnect = false): void {
    if (reconnect) {
      // Each of many refused commands asks for it, and one time is enough for a stream.
      if (this.left !== this.stream || this.stream === undefined) super.disconnect(true);
      this.left = this.stream;
      return;
    }
    this.closed = true;
    clearTimeout(this.revival);
    const waits = this.status === "reconnecting";
    super.disconnect();
    if (waits) this.finish();
  }

  override sendCommand(command: Command, stream?: Stream): unknown {
    if (command.name === "quit") this.closed = true;
    if (sentByItself.includes(command.name)) command.promise.catch(() => undefined);
    return super.sendCommand(command, stream);
  }

  private revive(): void {
    if (this.closed) return;
    this.revival = setTimeout(() => {
      if (this.status === "end") this.connect().catch(() => undefined);
    }, reviveAfterMs);
  }

  /** ioredis would only stop its timer: it would neither say that it ended nor answer the commands that wait. */
  private finish(): void {
    const internals = this as unknown as Internals;
    internals.manuallyClosing = false;
    internals.setStatus("end");
    internals.flushQueue(new Error("Connection is closed."));
  }
}

function duplicate(parent: LastingRedis, override: Partial<RedisOptions> = {}): LastingRedis {
  const options = { ...parent.options, socketTimeout: blockingSilenceMs, ...override };
  return new LastingRedis({ ...options, replyMapping: "legacy" }, { parent });
}

function leaveWith(parent: LastingRedis, duplicate: LastingRedis): void {
  const leave = () => {
    if (duplicate.status === "ready" || duplicate.status === "connect") duplicate.disconnect(true);
  };
  parent.on("reconnecting", leave);
  duplicate.on("end", () => parent.off("reconnecting", leave));
  duplicate.on("connecting", () => parent.off("reconnecting", leave).on("reconnecting", leave));
}
