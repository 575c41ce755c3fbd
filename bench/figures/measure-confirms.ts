import type { FigureContext, Goal } from "../figure.ts";
import type { ConfirmRoundResult } from "../load/confirm-load.ts";
import { ratioGoal } from "../measure/rounds.ts";
import type { RemoteCalls } from "../stack/remote-calls.ts";

export interface ConfirmRounds {
  ours: ConfirmRoundResult[];
  floor: ConfirmRoundResult[];
}

/** Warms both up, then measures them in turn: whatever the machine does meets both alike. */
export async function measureConfirms(context: FigureContext, load: RemoteCalls): Promise<ConfirmRounds> {
  const { rounds, samples, ratePerSecond, warmUp, warmUpPerSecond } = context.plan.latency;
  const round = (name: string, size: { samples: number; ratePerSecond: number }) =>
    load.call<ConfirmRoundResult>("confirmRound", { name, ...size });
  context.progress(`warming up: ${warmUp} confirmations at ${warmUpPerSecond} a second, floor and ours`);
  for (const name of ["floor", "ours"]) await round(name, { samples: warmUp, ratePerSecond: warmUpPerSecond });
  const measured: ConfirmRounds = { ours: [], floor: [] };
  for (let index = 0; index < rounds; index += 1) {
    context.progress(
      `round ${index + 1} of ${rounds}: ${samples} confirmations at ${ratePerSecond} a second, floor and ours`,
    );
    // Who begins changes, so that neither always follows the other's garbage.
    const order = index % 2 === 0 ? (["floor", "ours"] as const) : (["ours", "floor"] as const);
    for (const name of order) measured[name].push(await round(name, { samples, ratePerSecond }));
  }
  return measured;
}

/** Ours to the floor's, round by round, at each percentile that has a goal. */
export function percentileGoals(rounds: ConfirmRounds, most: Record<"p50" | "p99", number>): Goal[] {
  return (["p50", "p99"] as const).map((percentile) => {
    const of = (list: readonly ConfirmRoundResult[]) => list.map(({ arrival }) => arrival[percentile]);
    return ratioGoal(percentile, { ours: of(rounds.ours), reference: of(rounds.floor) }, { atMost: most[percentile] });
  });
}
