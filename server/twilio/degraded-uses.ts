import type { NewEvent } from "../../core/events/event-log.ts";
import type { GatewayContext } from "../gateway-context.ts";

/** An outage of an hour at five calls a second; what is more is counted in the log. */
const mostKept = 20_000;
const retryAfterMs = 1000;

/**
 * Records every use of a degraded policy as an event (PROTOCOL §6), also those that happen while the store is away,
 * which most of them do: they are kept, in order and with their own time, until it answers again. At least once: a
 * record that timed out may have been written after all, and is known by its correlation id.
 */
export class DegradedUses {
  readonly #context: Pick<GatewayContext, "events" | "background" | "redis" | "clock" | "logger">;
  readonly #kept: NewEvent[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lost = 0;

  constructor(context: Pick<GatewayContext, "events" | "background" | "redis" | "clock" | "logger">) {
    this.#context = context;
  }

  /** Returns at once: the caller is not kept waiting for the record. */
  record(use: Omit<NewEvent, "type">): void {
    const data = { ...use.data, occurredAt: new Date(this.#context.clock.now()).toISOString() };
    if (this.#kept.length < mostKept) this.#kept.push({ ...use, type: "degraded", data });
    else this.#lost += 1;
    if (this.#timer === undefined && this.#kept.length === 1) this.#flush();
  }

  #flush(): void {
    this.#timer = undefined;
    this.#context.background.run("degraded.record", () => this.#writeKept());
  }

  async #writeKept(): Promise<void> {
    try {
      for (let next = this.#kept[0]; next !== undefined; next = this.#kept[0]) {
        await this.#context.events.append(next);
        this.#kept.shift();
      }
      if (this.#lost > 0) this.#context.logger.error({ lost: this.#lost }, "degraded.unrecorded");
      this.#lost = 0;
    } catch {
      // What failed was logged with its cause by the step itself. A closed connection never comes back.
      if (this.#context.redis.status === "end") {
        this.#context.logger.error({ lost: this.#kept.length + this.#lost }, "degraded.unrecorded");
        return;
      }
      this.#timer = setTimeout(() => this.#flush(), retryAfterMs).unref();
    }
  }
}
