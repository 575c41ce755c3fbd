import type { JobQueues } from "../../core/queue/job-queues.ts";
import type { SessionStore } from "../../core/redis/session-store.ts";
import type { Session } from "../../core/verification/session.ts";
import type { Background } from "../background.ts";

/** A little after the deadline, so that the job finds the session over by the clock of Redis. */
const slackMs = 20;

interface Held {
  timer: NodeJS.Timeout;
  /** By this process' monotonic clock. */
  dueAt: number;
}

/**
 * The BullMQ delayed jobs that record timeouts, one for each session that is pending after half of its time. Most have
 * ended by then and cost no job at all. What a gateway holds when it dies is recorded by the workers' reconciler from the
 * set of due sessions, which the creating script writes.
 */
export class SessionTimeouts {
  readonly #parts: { jobs: JobQueues; sessions: SessionStore; background: Background };
  readonly #held = new Map<string, Held>();

  constructor(parts: { jobs: JobQueues; sessions: SessionStore; background: Background }) {
    this.#parts = parts;
  }

  /** A session has begun on this gateway. */
  begin({ sessionId, expiresAtMs, readAtMs }: Session): void {
    const leftMs = expiresAtMs - readAtMs;
    const dueAt = performance.now() + leftMs + slackMs;
    const timer = setTimeout(() => this.#addIfPending(sessionId, dueAt), leftMs / 2);
    this.#held.set(sessionId, { timer, dueAt });
  }

  /** A session has ended, wherever it began. */
  end(session: Session): void {
    const held = this.#held.get(session.sessionId);
    if (held) {
      clearTimeout(held.timer);
      this.#held.delete(session.sessionId);
    } else if (mayHaveJob(session)) {
      this.#parts.jobs.removeTimeout(session.sessionId);
    }
  }

  /** Hands on what is held: a gateway that stops leaves the jobs behind. */
  close(): void {
    for (const [sessionId, { timer, dueAt }] of this.#held) {
      clearTimeout(timer);
      this.#add(sessionId, dueAt);
    }
    this.#held.clear();
  }

  /** It may have ended on another gateway meanwhile. When Redis does not say, a job too many is harmless. */
  #addIfPending(sessionId: string, dueAt: number): void {
    const { sessions, background } = this.#parts;
    this.#held.delete(sessionId);
    background.run("timeout.enqueue", async () => {
      const reading = sessions.read(sessionId, undefined);
      const pending = await reading.then(
        (session) => session?.status === "pending",
        () => true,
      );
      if (pending) this.#add(sessionId, dueAt);
    });
  }

  #add(sessionId: string, dueAt: number): void {
    this.#parts.jobs.addTimeout(sessionId, Math.max(0, Math.ceil(dueAt - performance.now())));
  }
}

/** The gateway where it began, whichever that is, enqueues nothing before half of the session's time is over. */
function mayHaveJob({ expiresAtMs, readAtMs, ttlSeconds }: Session): boolean {
  return expiresAtMs - readAtMs <= (ttlSeconds * 1000) / 2;
}
