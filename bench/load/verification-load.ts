import { closedLoop, openLoop } from "./open-loop.ts";

export interface LoadRun {
  seconds: number;
  concurrency: number;
}

/** Who is verified: so many lanes, each with one verification under way at a time. */
export interface VerificationTarget {
  lanes: number;
  /** Create, claim, poll, confirm, poll answered, and the intercept when there is one. */
  verify(lane: number): Promise<void>;
  close(): Promise<void>;
}

/** Whole verifications, as many at once or as many a second as is asked for. */
export class VerificationLoad {
  readonly #target: VerificationTarget;

  constructor(target: VerificationTarget) {
    this.#target = target;
  }

  async run(run: LoadRun): Promise<{ done: number; seconds: number }> {
    return await closedLoop(run, (lane) => this.#target.verify(lane));
  }

  /** The same at a fixed rate, however long each of them takes. */
  async runAt({ count, ratePerSecond }: { count: number; ratePerSecond: number }): Promise<void> {
    const underWay: Promise<void>[] = [];
    await openLoop({ count, ratePerSecond }, (index) => {
      underWay.push(this.#target.verify(index % this.#target.lanes));
    });
    await Promise.all(underWay);
  }

  /** So many verifications, one after another, for counting what one costs. */
  async count(verifications: number): Promise<void> {
    for (let index = 0; index < verifications; index += 1) await this.#target.verify(index % this.#target.lanes);
  }

  async close(): Promise<void> {
    await this.#target.close();
  }
}
