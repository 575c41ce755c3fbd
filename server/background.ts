import type { Logger } from "../core/logging/create-logger.ts";

/** Work that a request starts and does not wait for. A fault is logged once; a gateway that shuts down waits for it. */
export class Background {
  readonly #logger: Logger;
  readonly #underWay = new Set<Promise<void>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  run(work: string, action: () => Promise<unknown>): void {
    const done = action().then(
      () => undefined,
      (err: unknown) => this.#logger.error({ err, work }, "background.failed"),
    );
    this.#underWay.add(done);
    void done.finally(() => this.#underWay.delete(done));
  }

  /** Waits for what is under way, and for what that starts in its turn. */
  async settle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all([...this.#underWay]);
  }
}
