import { beforeAll, describe, expect, test } from "vitest";
import { useGateways } from "../support/gateway.ts";
import type { Answer } from "../support/send.ts";
import type { Outage } from "../support/start-redis-proxy.ts";
import { type Observed, type OutageCase, observeOutages } from "./observe-outage.ts";

const fixture = useGateways();

const kinds: Outage[] = ["cut", "freeze"];
/** Those of one deployment, which lives through them one after the other. */
const durationsMs = [[10_000], [3000, 1000, 200]];
const lanes = kinds.flatMap((kind) => durationsMs.map((ones) => ones.map((durationMs) => ({ kind, durationMs }))));
/** From this long on, what is asked at the beginning cannot have been answered, however late it left; in less it may be. */
const certainMs = 10_000;
/** A hosted step has 4 s, everything else two commands at most. */
const answeredWithinMs = 4500;
const worksWithinMs = 6000;

const observed: { what: string; outage: OutageCase; seen: Observed }[] = [];

// Deployments have their outages at the same time, each behind a proxy of its own; what came of them is looked at afterwards.
beforeAll(async () => {
  const lived = await Promise.all(lanes.map((outages) => observeOutages(fixture, outages)));
  for (const { outage, seen } of lived.flat()) {
    observed.push({ what: `${outage.kind} for ${outage.durationMs} ms`, outage, seen });
  }
  for (const { what, seen } of observed) {
    console.info(`${what}: ready ${seen.readyAfterMs} ms and everything at work ${seen.worksAfterMs} ms after its end`);
  }
}, 90_000);

const isRefused = ({ status, body, headers }: Answer) =>
  status === 503 && body.code === "unavailable" && Number(headers["retry-after"]) > 0;

describe("Redis unreachable for 0.2 to 10 s, dead or frozen", () => {
  test("[S60] happened in every case", () => {
    expect(observed).toHaveLength(8);
    for (const { what, seen } of observed) {
      expect(seen.cuts, what).toBe(1);
      // Every connection of a gateway and a worker.
      expect(seen.struck, what).toBeGreaterThanOrEqual(10);
    }
  });

  test("[S60] a request is answered, or refused with 503 and Retry-After, in bounded time", () => {
    for (const { what, outage, seen } of observed) {
      const { create, read } = seen.during;
      for (const { value, ms } of [create, read]) {
        expect(ms, what).toBeLessThan(answeredWithinMs);
        expect(isRefused(value) || (outage.durationMs < certainMs && value.status < 300), what).toBe(true);
      }
      // Whether the first one was done after all or not: the call has one session.
      expect([200, 201], what).toContain(seen.createdAgain);
    }
  });

  test("[S60] everything works again by itself within seconds", () => {
    for (const { what, seen } of observed) {
      expect(seen.readyAfterMs, what).toBeLessThan(worksWithinMs);
      expect(seen.worksAfterMs, what).toBeLessThan(worksWithinMs);
      expect(seen.freshAck, what).toMatchObject({ ok: true, status: "confirmed" });
    }
  });

  test("[L20] polls that were open before it are answered by a confirmation during or after it", () => {
    for (const { what, seen } of observed) {
      expect(seen.polls, what).toEqual(["confirmed", "confirmed", "confirmed", "confirmed"]);
    }
  });

  test("[D35] a confirmation meanwhile is done or refused with `retry`, and succeeds with the same proof, by the SDK without its app's help", () => {
    for (const { what, outage, seen } of observed) {
      const { value: ack, ms } = seen.during.confirm;
      expect(ms, what).toBeLessThan(answeredWithinMs);
      const isDone = ack.ok && ack.status === "confirmed";
      const isToBeRepeated = ack.code === "unavailable" && ack.advice === "retry";
      expect(isToBeRepeated || (outage.durationMs < certainMs && isDone), what).toBe(true);
      expect(seen.confirmedByApp, what).toBe("confirmed");
    }
  });

  test("[T25] the hosted flow goes on or follows the tenant's degraded policy", () => {
    for (const { what, outage, seen } of observed) {
      const { closed, open } = seen.during.hosted;
      const led: [typeof closed, string][] = [
        [closed, "https://ivr.acme.test/unverified?flow=7&reason=unavailable"],
        [open, "https://ivr.acme.test/verified?flow=7&reason=unavailable"],
      ];
      for (const [{ value, ms }, target] of led) {
        expect(ms, what).toBeLessThan(answeredWithinMs);
        expect(outage.durationMs < certainMs ? [target, "prompt"] : [target], what).toContain(value);
      }
    }
  });

  test("[T26] a hang-up that Twilio told meanwhile was acknowledged, and is marked once", () => {
    // That it was marked, once, is what every observation has waited for.
    for (const { what, seen } of observed) {
      const { value, ms } = seen.during.status;
      expect(value.status, what).toBe(200);
      expect(ms, what).toBeLessThan(answeredWithinMs);
    }
  });
});
