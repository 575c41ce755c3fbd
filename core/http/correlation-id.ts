import { randomUUID } from "node:crypto";

const accepted = /^[A-Za-z0-9_-]{8,64}$/;

/** The caller's `X-Correlation-Id` when it is well formed, else a new one (PROTOCOL §7). */
export function readCorrelationId(given: string | undefined): string {
  return given !== undefined && accepted.test(given) ? given : newCorrelationId();
}

/** A UUID, which Node draws by the hundred: random bytes of one's own are a system call each. */
export function newCorrelationId(): string {
  return `cor_${randomUUID()}`;
}
