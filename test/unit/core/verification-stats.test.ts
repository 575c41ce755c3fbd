import { describe, expect, test } from "vitest";
import type { CallsealEvent, EventType } from "../../../core/events/event.ts";
import { VerificationStatsCollector } from "../../../core/events/verification-stats.ts";

let sequence = 0;
function event(type: EventType, sessionId: string | undefined, seconds: number, details: object = {}): CallsealEvent {
  sequence += 1;
  return {
    id: `${sequence}-0-0`,
    type,
    time: new Date(seconds * 1000).toISOString(),
    tenant: "acme",
    ...(sessionId === undefined ? {} : { sessionId }),
    correlationId: "cor_12345678",
    ...details,
  };
}

describe("the figures of verifications", () => {
  test("[E40] an empty window has counts of zero and no made-up figures", () => {
    expect(new VerificationStatsCollector().result()).toEqual({
      sessions: { created: 0, confirmed: 0, denied: 0, canceled: 0, timeout: 0 },
      containment: null,
      timeToVerifySeconds: { p50: null, p95: null, p99: null },
      wrongDidRate: null,
      timeoutRate: null,
      interceptFailures: 0,
      averageHandleTimeSeconds: { verified: null, unverified: null },
    });
  });

  test("[E40] shares, percentiles by nearest rank and handle times follow from the events", () => {
    const collector = new VerificationStatsCollector();
    for (const [index, seconds] of [4, 8, 12].entries()) {
      collector.add(event("session_created", `s${index}`, 100));
      collector.add(event("confirmed", `s${index}`, 100 + seconds));
      collector.add(event("call_ended", `s${index}`, 200, { durationSeconds: 60 + index }));
    }
    collector.add(event("session_created", "s3", 100));
    collector.add(event("timeout", "s3", 160));
    collector.add(event("call_ended", "s3", 300, { durationSeconds: 180 }));
    collector.add(event("wrong_did", undefined, 101));
    collector.add(event("intercept_failed", "s0", 110));
    expect(collector.result()).toEqual({
      sessions: { created: 4, confirmed: 3, denied: 0, canceled: 0, timeout: 1 },
      containment: 0.75,
      timeToVerifySeconds: { p50: 8, p95: 12, p99: 12 },
      wrongDidRate: 0.25,
      timeoutRate: 0.25,
      interceptFailures: 1,
      averageHandleTimeSeconds: { verified: 61, unverified: 180 },
    });
  });
});
