import { describe, expect, test } from "vitest";
import type { CallHistory } from "../../fault/history/call-history.ts";
import { checkHistory, percentiles } from "../../fault/history/check-history.ts";

const kept: CallHistory = {
  callId: "CA1",
  sentAt: 10,
  ackedAt: 20,
  clientErrors: [],
  polled: "confirmed",
  updates: [50],
  arrivals: [{ at: 60, receiptId: "r1" }],
  turnedAway: [],
  end: { status: "confirmed", intercept: "succeeded" },
};
const { ackedAt: _heard, ...unheard } = kept;

describe("the history checker", () => {
  test("[X1] finds nothing in a history where every promise was kept", () => {
    const never: CallHistory = {
      callId: "CA2",
      clientErrors: [],
      refusal: "unavailable",
      updates: [],
      arrivals: [],
      turnedAway: [],
      polled: "timeout",
      end: { status: "timeout", intercept: "none" },
    };
    const verdict = checkHistory([kept, unheard, never], [{ at: 30, what: "a gateway killed" }]);
    expect(verdict).toMatchObject({ calls: 3, acknowledged: 1, refused: 1, confirmedUnheard: 1, violations: [] });
    expect(verdict.clientErrors).toEqual({ unavailable: 1 });
    expect(verdict.moved).toEqual({ samples: 1, p50: 30, p99: 30, max: 30 });
    expect(verdict.movedAfterFault).toEqual({ samples: 1, p50: 20, p99: 20, max: 20 });
    expect(verdict.underWay).toBe(2);
  });

  test.each<[string, Partial<CallHistory>, RegExp]>([
    [
      "an acknowledged confirmation that is lost",
      { end: { status: "pending", intercept: "none" } },
      /acknowledged and lost/,
    ],
    ["a call that never moves", { arrivals: [] }, /never moved/],
    [
      "a call that moves twice",
      { arrivals: [...kept.arrivals, { at: 90, receiptId: "r2" }] },
      /moved 2 times in effect/,
    ],
    [
      "a call that moves unconfirmed",
      { end: { status: "timeout", intercept: "none" } },
      /moved without a confirmation/,
    ],
    ["a forged receipt", { arrivals: [{ at: 60, receiptId: undefined }] }, /not genuine/],
    ["an intercept that is said to have failed", { end: { status: "confirmed", intercept: "failed" } }, /is failed/],
    ["a poll that answers something else", { polled: "timeout" }, /its poll answered timeout/],
  ])("[X1] names %s", (_what, change, violation) => {
    const { violations } = checkHistory([{ ...kept, ...change }]);
    expect(violations.join("\n")).toMatch(violation);
    expect(violations[0]).toMatch(/^CA1: /);
  });

  test("[X1] names a session that could not be read at the end", () => {
    const { end: _lost, ...unread } = kept;
    expect(checkHistory([unread]).violations).toEqual(["CA1: its session could not be read at the end"]);
  });

  test("[X1] counts repeated arrivals with the same receipt, and only calls that a fault found under way", () => {
    const verdict = checkHistory(
      [{ ...kept, arrivals: [...kept.arrivals, { at: 90, receiptId: "r1" }] }],
      [{ at: 61, what: "too late" }],
    );
    expect(verdict).toMatchObject({
      repeatedArrivals: 1,
      underWay: 0,
      movedAfterFault: { samples: 0 },
      violations: [],
    });
  });

  test("[X1] takes percentiles by nearest rank", () => {
    const values = Array.from({ length: 200 }, (_, index) => 200 - index);
    expect(percentiles(values)).toEqual({ samples: 200, p50: 100, p99: 198, max: 200 });
    expect(percentiles([])).toEqual({ samples: 0, p50: 0, p99: 0, max: 0 });
  });
});

test("[X1] a session that a failover took with it is a broken promise only when it was acknowledged", () => {
  const end = { status: "lost", intercept: "none" };
  const { polled: _never, ...unpolled } = kept;
  const nowhere = { ...unpolled, updates: [], arrivals: [], end };
  expect(checkHistory([nowhere]).violations).toEqual(["CA1: acknowledged and lost: the session is lost"]);
  const { ackedAt: _silent, ...unacknowledged } = nowhere;
  expect(checkHistory([unacknowledged]).violations).toEqual([]);
});
