import { expect, test } from "vitest";
import { loopAnswer } from "../../server/http/openapi/answer-schemas.ts";
import { useGateways } from "../support/gateway.ts";
import { openSession } from "../support/open-session.ts";
import { testTenant } from "../support/test-tenants.ts";
import { eventsOf, expire } from "../support/verified-call.ts";

const fixture = useGateways();

test("[S21] indexes up to maxRetries prompt again while pending, and count what remains", async () => {
  const deployment = await fixture.start();
  const session = await openSession(deployment);
  for (const [index, remaining] of [
    [1, 2],
    [2, 1],
    [3, 0],
  ]) {
    const answer = await session.post("loop", { index, digit: "1" });
    expect(answer.status).toBe(200);
    expect(loopAnswer.parse(answer.body)).toEqual({ next: "prompt", status: "pending", remaining });
  }
});

test("[S22] a turn is recorded once for its index, however often and wherever it is retried", async () => {
  const deployment = await fixture.start();
  const session = await openSession(deployment);
  await Promise.all([1, 1, 1, 2, 2, 1].map((index) => session.post("loop", { index, digit: String(index) })));
  await session.post("loop", { index: 2 });
  const turns = (await eventsOf(deployment.core, session.sessionId)).filter(
    (event) => event["type"] === "loop_iteration",
  );
  expect(turns.map((event) => JSON.parse(event["data"] ?? "")).sort((a, b) => a.index - b.index)).toEqual([
    { index: 1, digit: "1" },
    { index: 2, digit: "2" },
  ]);
});

test("[S23] digit 0 cancels, and its retries answer the same", async () => {
  const deployment = await fixture.start();
  const session = await openSession(deployment);
  const first = await session.post("loop", { index: 1, digit: "0" });
  expect(loopAnswer.parse(first.body)).toMatchObject({ next: "canceled", status: "canceled" });
  expect((await session.post("loop", { index: 1, digit: "0" })).body).toEqual(first.body);
  expect((await session.post("loop", { index: 2, digit: "1" })).body).toMatchObject({ next: "canceled" });
  expect((await session.get()).body.status).toBe("canceled");
});

test.each([4, 5, 1001, Number.MAX_SAFE_INTEGER])(
  "[S24] index %d is more than the three repeats allow and ends the session as timeout",
  async (index) => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    const over = await session.post("loop", { index });
    expect(loopAnswer.parse(over.body)).toEqual({ next: "failure", status: "timeout", remaining: 0 });
    expect((await session.get()).body).toMatchObject({ status: "timeout", terminal: true });
    expect((await session.post("loop", { index: 1 })).body).toMatchObject({ next: "failure", status: "timeout" });
    const types = (await eventsOf(deployment.core, session.sessionId)).map((event) => event["type"]);
    expect(types.filter((type) => type === "timeout")).toHaveLength(1);
  },
);

test("[S24] the number of repeats is the tenant's, and a session past its time answers failure", async () => {
  const deployment = await fixture.start({ tenants: [testTenant({ policy: { maxRetries: 1 } })] });
  const session = await openSession(deployment);
  expect((await session.post("loop", { index: 1 })).body).toMatchObject({ next: "prompt", remaining: 0 });
  await expire(deployment.core, session.sessionId);
  expect((await session.post("loop", { index: 1 })).body).toMatchObject({ next: "failure", status: "timeout" });
});
