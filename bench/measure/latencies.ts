import { build, type Histogram } from "hdr-histogram-js";

/** A round's latencies in microseconds. */
export interface LatencySummary {
  samples: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** Highest latency that is told apart: a minute. */
const highestUs = 60_000_000;

/** A High Dynamic Range histogram of microseconds with three significant digits. */
export class Latencies {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: highestUs,
    numberOfSignificantValueDigits: 3,
  });

  /** `ms` since the moment that the work was due, not since it was begun: a stalled client hides nothing. */
  record(ms: number): void {
    this.#histogram.recordValue(Math.min(Math.max(1, Math.round(ms * 1000)), highestUs));
  }

  get samples(): number {
    return this.#histogram.totalCount;
  }

  summary(): LatencySummary {
    const at = (percentile: number) => this.#histogram.getValueAtPercentile(percentile);
    return { samples: this.samples, p50: at(50), p95: at(95), p99: at(99), max: this.#histogram.maxValue };
  }
}
