import { setTimeout as delay } from "node:timers/promises";
import { Latencies, type LatencySummary } from "../measure/latencies.ts";
import { openLoop } from "./open-loop.ts";

/** A confirmation that is ready to be sent. */
export interface PreparedConfirm {
  /** Sends the frame; `onAck` is called with its acknowledgement. */
  fire(onAck: () => void): void;
  /** The moment that what is measured arrived. */
  arrived: Promise<number>;
}

export interface ConfirmTarget {
  prepare(index: number): Promise<PreparedConfirm>;
  close(): Promise<void>;
}

export interface ConfirmRound {
  samples: number;
  ratePerSecond: number;
}

export interface ConfirmRoundResult {
  arrival: LatencySummary;
  ack: LatencySummary;
}

const preparedAtOnce = 25;
/** Polls are waiting and background work is done before the first confirmation goes out. */
const settleMs = 400;

/** Prepares every confirmation first, so that nothing but confirmations is under way while they are measured. */
export async function runConfirmRound(target: ConfirmTarget, round: ConfirmRound): Promise<ConfirmRoundResult> {
  const prepared: PreparedConfirm[] = [];
  while (prepared.length < round.samples) {
    const first = prepared.length;
    const count = Math.min(preparedAtOnce, round.samples - first);
    prepared.push(...(await Promise.all(Array.from({ length: count }, (_, index) => target.prepare(first + index)))));
  }
  await delay(settleMs);
  const arrival = new Latencies();
  const ack = new Latencies();
  const arrivals: Promise<void>[] = [];
  await openLoop({ count: round.samples, ratePerSecond: round.ratePerSecond }, (index, dueAt) => {
    const one = prepared[index]!;
    arrivals.push(one.arrived.then((at) => arrival.record(at - dueAt)));
    const acked = new Promise<void>((resolve) => one.fire(resolve));
    arrivals.push(acked.then(() => ack.record(performance.now() - dueAt)));
  });
  await Promise.all(arrivals);
  return { arrival: arrival.summary(), ack: ack.summary() };
}
