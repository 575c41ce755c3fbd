import { describe, expect, onTestFinished, test } from "vitest";
import { watchEventLoop } from "../../core/process/watch-event-loop.ts";
import { useGateways } from "../support/gateway.ts";
import { send } from "../support/send.ts";
import { waitFor } from "../support/wait-for.ts";
import { readLabelled } from "./read-capacity.ts";
import { stallEventLoop } from "./stall-event-loop.ts";

const fixture = useGateways();

describe("the watch", () => {
  function watch(limitMs: number) {
    const eventLoop = watchEventLoop({ limitMs, windowMs: 100 });
    onTestFinished(eventLoop.close);
    return eventLoop;
  }

  test("[P23] says that work waits only when every window of a while was late, and takes it back when one was not", async () => {
    const eventLoop = watch(40);
    expect(eventLoop.check()).toBe("ok");
    const recover = stallEventLoop(150);
    onTestFinished(recover);
    await waitFor("the loop is late", () => eventLoop.check() !== "ok", { withinMs: 15_000 });
    expect(eventLoop.check()).toMatch(/^work waits \d+ ms for the event loop$/);
    const { waitSeconds, longestSeconds, utilization } = eventLoop.read();
    expect(waitSeconds).toBeGreaterThan(0.04);
    expect(waitSeconds).toBeLessThan(longestSeconds);
    expect(longestSeconds).toBeGreaterThan(0.1);
    expect(utilization).toBeGreaterThan(0.5);
    recover();
    await waitFor("the loop keeps up", () => eventLoop.check() === "ok");
  });

  test("[P23] does not take one long stall for lateness", async () => {
    const eventLoop = watch(40);
    await waitFor("it has seen the loop", () => eventLoop.read().utilization > 0);
    const seen: string[] = [];
    const until = performance.now() + 2000;
    while (performance.now() < until);
    await waitFor("the stall has been seen", () => {
      seen.push(eventLoop.check());
      return eventLoop.read().longestSeconds > 1;
    });
    await waitFor("the stall has been forgotten", () => {
      seen.push(eventLoop.check());
      return eventLoop.read().longestSeconds < 1;
    });
    expect(new Set(seen)).toEqual(new Set(["ok"]));
  });
});

test("[S50] a gateway whose event loop is late for five seconds is not ready, says why, and is again when it keeps up", async () => {
  const deployment = await fixture.start({ environment: { CALLSEAL_EVENT_LOOP_DELAY_LIMIT_MS: "30" } });
  const readiness = async () =>
    (await send(deployment.gateway, "GET /readyz")).body["checks"] as Record<string, string>;
  await waitFor("it has begun", async () => (await readiness())["eventLoop"] === "ok");
  const startedAt = performance.now();
  const recover = stallEventLoop(120);
  onTestFinished(recover);
  const late = await waitFor(
    "readiness falls",
    async () => {
      const answer = await send(deployment.gateway, "GET /readyz");
      return (answer.body["checks"] as Record<string, string>)["eventLoop"] === "ok" ? undefined : answer;
    },
    { withinMs: 40_000, everyMs: 200 },
  );
  expect(late.status).toBe(503);
  expect(late.body).toMatchObject({ status: "not_ready", checks: { eventLoop: expect.stringMatching(/^work waits/) } });
  expect(performance.now() - startedAt).toBeGreaterThan(4000);
  expect(await readLabelled(deployment, 'callseal_event_loop_delay_seconds{stat="wait"}')).toBeGreaterThan(0.03);
  expect(await readLabelled(deployment, 'callseal_event_loop_delay_seconds{stat="longest"}')).toBeGreaterThan(0.08);
  expect(await readLabelled(deployment, "callseal_event_loop_utilization")).toBeGreaterThan(0.5);
  recover();
  await waitFor("it keeps up again", async () => (await readiness())["eventLoop"] === "ok");
}, 60_000);
