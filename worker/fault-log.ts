import type { Logger } from "../core/logging/create-logger.ts";

const silenceMs = 60_000;

interface Known {
  until: number;
  silenced: number;
}

/**
 * Logs a fault that repeats many times a second, such as a connection that is refused, once a minute: the first time with
 * all that is known, later with how often it came meanwhile.
 */
export class FaultLog {
  readonly #logger: Logger;
  readonly #known = new Map<string, Known>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  report(event: string, err: unknown, fields: Record<string, unknown> = {}): void {
    const key = `${event} ${Object.values(fields).join(" ")} ${err instanceof Error ? err.message : String(err)}`;
    const known = this.#known.get(key);
    if (known !== undefined && performance.now() < known.until) {
      known.silenced += 1;
      return;
    }
    const since = known === undefined || known.silenced === 0 ? {} : { silenced: known.silenced };
    this.#logger.warn({ err, ...fields, ...since }, event);
    // A message may name a port or an id, so what is over is forgotten.
    for (const [old, { until }] of this.#known) if (performance.now() >= until) this.#known.delete(old);
    this.#known.set(key, { until: performance.now() + silenceMs, silenced: 0 });
  }
}
