import { CallsealError } from "../verification/errors.ts";
import type { RedisClient } from "./connections.ts";
import { type Keyspace, parseSessionId, partitionBase, partitionOf } from "./keys.ts";

/** How long a confirmation may wait for its replicas, in milliseconds, before the device is told to try again. */
const replicationDeadlineMs = 500;
const markerSeconds = 60;

/**
 * Waits until replicas have what was written before (PROTOCOL §9). WAIT blocks its connection and looks at that
 * connection's own last write, so it runs on one of its own, after a marker that follows the write in the replication
 * stream. Whoever comes while a wait is under way shares the next one, so the cost does not grow with the load.
 */
export class ReplicationBarrier {
  readonly #connection: RedisClient;
  readonly #keyspace: Keyspace;
  readonly #replicas: number;
  readonly #perPartition: boolean;
  readonly #waits = new Map<string, { current: Promise<boolean>; next: Promise<boolean> | undefined }>();

  /** `connection` has the role `durability`; under Cluster each partition may be another primary's. */
  constructor(connection: RedisClient, options: { keyspace: Keyspace; replicas: number; cluster: boolean }) {
    this.#connection = connection;
    this.#keyspace = options.keyspace;
    this.#replicas = options.replicas;
    this.#perPartition = options.cluster;
  }

  /** Resolves once enough replicas have the session's last transition; throws `unavailable` when they do not in time. */
  async pass(sessionId: string): Promise<void> {
    const { callHash } = parseSessionId(sessionId)!;
    const partition = this.#perPartition ? partitionOf(callHash, this.#keyspace.partitions) : 0;
    const marker = `${partitionBase(this.#keyspace, partition)}:wait`;
    if (await this.#share(marker)) return;
    throw new CallsealError("unavailable", {
      detail: "Too few replicas have the confirmation. Send it again.",
      retryAfterSeconds: 1,
    });
  }

  #share(marker: string): Promise<boolean> {
    const held = this.#waits.get(marker);
    if (!held) {
      const current = this.#ask(marker);
      this.#waits.set(marker, { current, next: undefined });
      void current.finally(() => this.#advance(marker)).catch(() => undefined);
      return current;
    }
    held.next ??= held.current.catch(() => false).then(() => this.#ask(marker));
    return held.next;
  }

  #advance(marker: string): void {
    const { next } = this.#waits.get(marker)!;
    if (!next) {
      this.#waits.delete(marker);
      return;
    }
    this.#waits.set(marker, { current: next, next: undefined });
    void next.finally(() => this.#advance(marker)).catch(() => undefined);
  }

  async #ask(marker: string): Promise<boolean> {
    const replies = await this.#connection
      .pipeline()
      .set(marker, "1", "EX", markerSeconds)
      .wait(this.#replicas, replicationDeadlineMs)
      .exec();
    const [error, acknowledged] = replies?.[1] ?? [];
    if (error) throw error;
    return Number(acknowledged) >= this.#replicas;
  }
}
