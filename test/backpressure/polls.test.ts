import { expect, test } from "vitest";
import { useGateways } from "../support/gateway.ts";
import { openSession } from "../support/open-session.ts";
import { waitForPolls } from "../support/read-metric.ts";
import { send } from "../support/send.ts";
import { testTenant, twilioAccount } from "../support/test-tenants.ts";
import { authToken, callFields, newCallSid, promptOf, redirectOf, webhook } from "../twilio/webhook.ts";
import { readCapacity, waitForUsed } from "./read-capacity.ts";

const fixture = useGateways();

test("[L17] a poll beyond the cap is 200 pending at once with wait=0 and Retry-After, and those that wait go on", async () => {
  const deployment = await fixture.start({ environment: { CALLSEAL_MAX_POLLS: "2" } });
  const session = await openSession(deployment);
  const waiting = [session.get("?wait=50"), session.get("", { headers: { prefer: "wait=50" } })];
  await waitForPolls(deployment, 2);
  const startedAt = performance.now();
  const path = `/ivr/sessions/${session.sessionId}?wait=50`;
  const flat = await send(deployment.gateway, `GET ${path}`, { key: deployment.keys.sessions });
  for (const answer of [await session.get("?wait=50"), flat]) {
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ status: "pending", terminal: false });
    expect(answer.headers).toMatchObject({ "preference-applied": "wait=0", "retry-after": "2" });
  }
  expect(performance.now() - startedAt).toBeLessThan(5000);
  const plain = await session.get();
  expect(plain.headers).not.toHaveProperty("retry-after");
  expect(await readCapacity(deployment, "refused_total", "polls")).toBe(2);
  expect((await send(deployment.gateway, "GET /readyz")).status).toBe(200);

  await session.post("cancel");
  for (const poll of waiting) expect((await poll).body.status).toBe("canceled");
  await waitForUsed(deployment, "polls", 0);
  const ended = await session.get("?wait=50");
  expect(ended.headers["preference-applied"]).toBe("wait=50");
});

test("[L17] a poll that hangs up gives its place back", async () => {
  const deployment = await fixture.start({ environment: { CALLSEAL_MAX_POLLS: "1" } });
  const session = await openSession(deployment);
  const hangUp = new AbortController();
  const lost = session.get("?wait=50", { signal: hangUp.signal }).catch(() => "hung up");
  await waitForPolls(deployment, 1);
  hangUp.abort();
  expect(await lost).toBe("hung up");
  await waitForUsed(deployment, "polls", 0);
  const poll = session.get("?wait=50");
  await waitForPolls(deployment, 1);
  await session.post("cancel");
  expect((await poll).headers["preference-applied"]).toBe("wait=50");
});

test("[L17] polls of one session are bounded by its rate, and a waiting poll is no request under way", async () => {
  const tenants = [testTenant({ limits: { pollsPerMinutePerSession: 5 } })];
  const environment = { CALLSEAL_MAX_REQUESTS: "2" };
  const deployment = await fixture.start({ tenants, environment });
  const session = await openSession(deployment);
  const waiting = [];
  for (let count = 1; count <= 5; count += 1) {
    waiting.push(session.get("?wait=50"));
    await waitForPolls(deployment, count);
  }
  await waitForUsed(deployment, "requests", 0);
  expect((await session.get("?wait=50")).status).toBe(429);
  await session.post("cancel");
  for (const poll of waiting) expect((await poll).body.status).toBe("canceled");
});

test("[L17] the hosted flow does not hold a caller beyond the cap: the next turn is spoken at once", async () => {
  const twilio = { mode: "none" as const, accountSid: twilioAccount, authTokens: [authToken] };
  const environment = { CALLSEAL_MAX_POLLS: "1" };
  const deployment = await fixture.start({ tenants: [testTenant({ providers: { twilio } })], environment });
  const { gateway } = deployment;
  const session = await openSession(deployment);
  const poll = session.get("?wait=50");
  await waitForPolls(deployment, 1);
  const fields = callFields(newCallSid());
  const { next } = promptOf(gateway, await webhook(gateway, "start", fields));
  const startedAt = performance.now();
  const answer = await webhook(gateway, next, { ...fields, Digits: "1" });
  expect(promptOf(gateway, answer).next).toContain("loop=2");
  expect(performance.now() - startedAt).toBeLessThan(2500);
  await session.post("cancel");
  await poll;
  await waitForUsed(deployment, "polls", 0);
  const held = performance.now();
  expect(redirectOf(await webhook(gateway, next.replace("loop=1", "loop=4"), { ...fields, Digits: "1" }))).toContain(
    "/failure",
  );
  expect(performance.now() - held).toBeGreaterThan(2900);
});
