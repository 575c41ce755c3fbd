import { CallsealError } from "../verification/errors.ts";
import type { Session } from "../verification/session.ts";
import type { RedisClient } from "./connections.ts";
import { type Keyspace, parseSessionId, partitionBase, sessionKeys } from "./keys.ts";

/** How long a confirmation may wait for its replicas, in milliseconds, before the device is told to try again. */
const replicationDeadlineMs = 500;
const markerSeconds = 60;

interface Waiting {
  session: string;
  /** The fields of the record that the decision wrote, as Redis holds them. */
  decision: string[];
  verdict: PromiseWithResolvers<void>;
}

const decisionFields = ["status", "deviceId", "terminalAt"] as const;

/**
 * Waits until replicas have a decision (PROTOCOL §9). WAIT blocks its connection and looks at that connection's own last
 * write, so it runs on one of its own, behind a marker that follows the decision in the replication stream.
 *
 * After a failover between the decision and the marker, the marker would follow another primary's stream, which may lack
 * the decision. So the decision is first read back on the same connection: what that server holds, then the marker, then
 * WAIT. Whoever comes while a wait is under way shares the next one, so the cost does not grow with the load.
 */
export class ReplicationBarrier {
  readonly #connection: RedisClient;
  readonly #keyspace: Keyspace;
  readonly #replicas: number;
  readonly #perPartition: boolean;
  /** Who waits, by marker; present while a wait is under way. */
  readonly #lines = new Map<string, Waiting[]>();

  /** `connection` has the role `durability`; under Cluster each partition may be another primary's. */
  constructor(connection: RedisClient, options: { keyspace: Keyspace; replicas: number; cluster: boolean }) {
    this.#connection = connection;
    this.#keyspace = options.keyspace;
    this.#replicas = options.replicas;
    this.#perPartition = options.cluster;
  }

  /**
   * Resolves once enough replicas have the decision that the session shows, which a repeat of its proof shows too. Throws
   * `unavailable` when they do not in time, or when the primary that is asked does not have it: the same proof then
   * decides anew, or is found.
   */
  async pass(session: Session): Promise<void> {
    const marker = this.#markerOf(session.sessionId);
    const waiting: Waiting = {
      session: sessionKeys(this.#keyspace, session.sessionId).session,
      decision: decisionOf(session),
      verdict: Promise.withResolvers(),
    };
    const line = this.#lines.get(marker);
    if (line) line.push(waiting);
    else void this.#serve(marker, [waiting]);
    await waiting.verdict.promise;
  }

  #markerOf(sessionId: string): string {
    const { callHash } = parseSessionId(sessionId)!;
    const partition = this.#perPartition ? this.#keyspace.partitionOf(callHash) : 0;
    return `${partitionBase(this.#keyspace, partition)}:wait`;
  }

  async #serve(marker: string, first: Waiting[]): Promise<void> {
    let line = first;
    while (line.length > 0) {
      const next: Waiting[] = [];
      this.#lines.set(marker, next);
      await this.#settle(marker, line);
      line = next;
    }
    this.#lines.delete(marker);
  }

  async #settle(marker: string, line: Waiting[]): Promise<void> {
    try {
      const held = await this.#ask(marker, line);
      for (const [index, { verdict }] of line.entries()) {
        if (held[index]) verdict.resolve();
        else verdict.reject(refusal("The confirmation was lost in a failover. Send it again."));
      }
    } catch (cause) {
      const error =
        cause instanceof CallsealError ? cause : refusal("The store does not answer. Send it again.", cause);
      for (const { verdict } of line) verdict.reject(error);
    }
  }

  /** Whether the primary that answers has each decision; throws unless enough of its replicas have all that it has. */
  async #ask(marker: string, line: Waiting[]): Promise<boolean[]> {
    const pipeline = this.#connection.pipeline();
    for (const { session } of line) pipeline.hmget(session, ...decisionFields);
    pipeline.set(marker, "1", "EX", markerSeconds).wait(this.#replicas, replicationDeadlineMs);
    // A pipeline is answered by one server: when its connection is lost, what is left of it is rejected.
    const replies = (await pipeline.exec()) ?? [];
    const failed = replies.find(([error]) => error !== null);
    if (failed) throw failed[0];
    if (Number(replies.at(-1)?.[1]) < this.#replicas) {
      throw refusal("Too few replicas have the confirmation. Send it again.");
    }
    return line.map(({ decision }, index) => {
      const held = replies[index]![1] as (string | null)[];
      return decision.every((value, field) => held[field] === value);
    });
  }
}

function decisionOf(session: Session): string[] {
  switch (session.status) {
    case "confirmed":
      return [session.status, session.deviceId, String(session.confirmedAtMs)];
    case "denied":
      return [session.status, session.deviceId, String(session.terminalAtMs)];
    default:
      throw new RangeError("only a decision waits for replicas");
  }
}

function refusal(detail: string, cause?: unknown): CallsealError {
  return new CallsealError("unavailable", { detail, retryAfterSeconds: 1, ...(cause === undefined ? {} : { cause }) });
}
