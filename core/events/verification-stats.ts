import type { CallsealEvent } from "./event.ts";

/** Figures of a tenant's verifications over a window; a figure without any case is null. */
export interface VerificationStats {
  sessions: { created: number; confirmed: number; denied: number; canceled: number; timeout: number };
  /** Share of ended sessions that were confirmed: calls that needed no agent to verify the caller. */
  containment: number | null;
  timeToVerifySeconds: { p50: number | null; p95: number | null; p99: number | null };
  /** Wrong DIDs for each session that was created. */
  wrongDidRate: number | null;
  /** Share of ended sessions that timed out. */
  timeoutRate: number | null;
  interceptFailures: number;
  averageHandleTimeSeconds: { verified: number | null; unverified: number | null };
}

/** Gathers figures from events, in any order of sessions; each session's own events come in theirs. */
export class VerificationStatsCollector {
  readonly #counts = new Map<string, number>();
  readonly #createdAtMs = new Map<string, number>();
  readonly #confirmed = new Set<string>();
  readonly #secondsToVerify: number[] = [];
  readonly #handleTimes = { verified: [] as number[], unverified: [] as number[] };

  add(event: CallsealEvent): void {
    this.#counts.set(event.type, this.#count(event.type) + 1);
    const { sessionId } = event;
    if (sessionId === undefined) return;
    if (event.type === "session_created") this.#createdAtMs.set(sessionId, Date.parse(event.time));
    if (event.type === "confirmed") this.#addConfirmation(sessionId, Date.parse(event.time));
    if (event.type === "call_ended" && typeof event.durationSeconds === "number") {
      this.#handleTimes[this.#confirmed.has(sessionId) ? "verified" : "unverified"].push(event.durationSeconds);
    }
  }

  result(): VerificationStats {
    const sorted = this.#secondsToVerify.toSorted((a, b) => a - b);
    const sessions = {
      created: this.#count("session_created"),
      confirmed: this.#count("confirmed"),
      denied: this.#count("denied"),
      canceled: this.#count("canceled"),
      timeout: this.#count("timeout"),
    };
    const ended = sessions.confirmed + sessions.denied + sessions.canceled + sessions.timeout;
    return {
      sessions,
      containment: share(sessions.confirmed, ended),
      timeToVerifySeconds: {
        p50: percentile(sorted, 0.5),
        p95: percentile(sorted, 0.95),
        p99: percentile(sorted, 0.99),
      },
      wrongDidRate: share(this.#count("wrong_did"), sessions.created),
      timeoutRate: share(sessions.timeout, ended),
      interceptFailures: this.#count("intercept_failed"),
      averageHandleTimeSeconds: {
        verified: mean(this.#handleTimes.verified),
        unverified: mean(this.#handleTimes.unverified),
      },
    };
  }

  #addConfirmation(sessionId: string, atMs: number): void {
    this.#confirmed.add(sessionId);
    const createdAtMs = this.#createdAtMs.get(sessionId);
    if (createdAtMs !== undefined) this.#secondsToVerify.push((atMs - createdAtMs) / 1000);
  }

  #count(type: string): number {
    return this.#counts.get(type) ?? 0;
  }
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : Math.round((part / whole) * 10_000) / 10_000;
}

/** Nearest rank: the least value that at least so many of all do not exceed. */
function percentile(sorted: readonly number[], rank: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * rank) - 1)] ?? null;
}

function mean(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  return Math.round((values.reduce((sum, value) => sum + value, 0) / values.length) * 1000) / 1000;
}
