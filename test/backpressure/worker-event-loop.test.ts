import { expect, onTestFinished, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { metricsKey, useWorkers } from "../worker/worker-fixture.ts";
import { stallEventLoop } from "./stall-event-loop.ts";

const fixture = useWorkers();

test("[W60] a worker whose event loop is late for five seconds is not ready and says why, and shows it as a metric", async () => {
  const { startWorker } = await fixture.deploy({});
  const { url } = await startWorker({}, { CALLSEAL_EVENT_LOOP_DELAY_LIMIT_MS: "30" });
  const check = async () => {
    const answer = await fetch(`${url}/readyz`);
    const { checks } = (await answer.json()) as { checks: Record<string, string> };
    return { status: answer.status, eventLoop: checks["eventLoop"] };
  };
  await waitFor("it has begun", async () => (await check()).eventLoop === "ok");
  const recover = stallEventLoop(120);
  onTestFinished(recover);
  const late = await waitFor(
    "readiness falls",
    async () => {
      const seen = await check();
      return seen.eventLoop === "ok" ? undefined : seen;
    },
    { withinMs: 40_000, everyMs: 200 },
  );
  expect(late).toEqual({ status: 503, eventLoop: expect.stringMatching(/^work waits \d+ ms for the event loop$/) });
  const metrics = await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${metricsKey}` } })).text();
  const wait = /^callseal_event_loop_delay_seconds\{stat="wait"\} (\S+)$/m.exec(metrics)?.[1];
  expect(Number(wait)).toBeGreaterThan(0.03);
  recover();
  await waitFor("it keeps up again", async () => (await check()).eventLoop === "ok");
}, 60_000);
