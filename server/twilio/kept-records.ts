import type { GatewayContext } from "../gateway-context.ts";
import { toCallsealError } from "../http/problem.ts";

/** An outage of an hour at five calls a second; what is more is counted in the log. */
const mostKept = 20_000;
const retryAfterMs = 1000;

export type KeptRecordsContext = Pick<GatewayContext, "background" | "redis" | "logger">;

/**
 * What must be recorded although the store is away, and what nobody will tell again: kept in order and in this process
 * until the store answers. At least once: a record that timed out may have been written after all.
 */
export class KeptRecords<Item> {
  readonly #context: KeptRecordsContext;
  readonly #what: string;
  readonly #write: (item: Item) => Promise<unknown>;
  readonly #kept: Item[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lost = 0;

  /** `what` names the work and its log events: `<what>.record`, `<what>.unrecorded`. */
  constructor(context: KeptRecordsContext, what: string, write: (item: Item) => Promise<unknown>) {
    this.#context = context;
    this.#what = what;
    this.#write = write;
  }

  /** Returns at once: nobody is kept waiting for the record. */
  keep(item: Item): void {
    if (this.#kept.length < mostKept) this.#kept.push(item);
    else this.#lost += 1;
    if (this.#timer === undefined && this.#kept.length === 1) this.#flush();
  }

  #flush(): void {
    this.#timer = undefined;
    this.#context.background.run(`${this.#what}.record`, () => this.#writeKept());
  }

  async #writeKept(): Promise<void> {
    try {
      for (let next = this.#kept[0]; next !== undefined; next = this.#kept[0]) {
        await this.#write(next).catch((err: unknown) => this.#giveUpUnlessAway(err));
        this.#kept.shift();
      }
      if (this.#lost > 0) this.#report(this.#lost);
      this.#lost = 0;
    } catch {
      // A closed connection never comes back.
      if (this.#context.redis.status === "end") {
        this.#report(this.#kept.length + this.#lost);
        return;
      }
      this.#timer = setTimeout(() => this.#flush(), retryAfterMs).unref();
    }
  }

  /** What the store itself refuses would be refused for ever, and hold up everything behind it. */
  #giveUpUnlessAway(err: unknown): void {
    if (toCallsealError(err).code === "unavailable") throw err;
    this.#context.logger.error({ err, work: `${this.#what}.record` }, `${this.#what}.unrecorded`);
  }

  #report(lost: number): void {
    this.#context.logger.error({ lost }, `${this.#what}.unrecorded`);
  }
}
