import { describe, expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { callerApi, openSession } from "../support/open-session.ts";
import { readMetric, waitForPolls } from "../support/read-metric.ts";
import { type Answer, send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";
import { expire } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useGateways();

/** The answer and how long it took, in milliseconds. */
async function timed(answer: Promise<Answer>): Promise<{ answer: Answer; tookMs: number }> {
  const startedAt = performance.now();
  return { answer: await answer, tookMs: performance.now() - startedAt };
}

describe("the end of the wait", () => {
  test("[L1] a poll on gateway B answers the confirmation at gateway A at once", async () => {
    const deployment = await fixture.start({ gateways: 2 });
    const [a, b] = deployment.gateways;
    const session = await openSession(deployment, {}, b);
    const device = await enrolDevice(deployment);
    const socket = await openDeviceSocket(fixture, a!, device);
    const { challenge } = await socket.ask("claim", { did: session.did });
    const polls = ["?wait=50", "?wait=50"].map((query) => session.get(query));
    const latest = send(b!, `GET ${callerApi}/calls/generic/${session.callId}?wait=50`, {
      key: deployment.keys.sessions,
    });
    await waitForPolls(deployment, 3, b);
    const confirmed = timed(Promise.all([...polls, latest]).then(([first]) => first!));
    const ack = await socket.ask("confirm", { proof: device.proof(challenge!, { did: session.did }) });
    const { answer, tookMs } = await confirmed;
    expect(ack.ok).toBe(true);
    expect(answer.body).toMatchObject({
      status: "confirmed",
      confirmedAt: ack.confirmedAt,
      receipt: expect.any(String),
    });
    for (const poll of [...polls, latest]) expect((await poll).body).toEqual(answer.body);
    expect(tookMs).toBeLessThan(1500);
  });

  test("[L2] a wait that is over answers 200 with the pending document", async () => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    const { answer, tookMs } = await timed(session.get("?wait=1"));
    expect(answer.status).toBe(200);
    expect(answer.headers["preference-applied"]).toBe("wait=1");
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.body).toEqual((await session.get()).body);
    expect(answer.body.status).toBe("pending");
    expect(tookMs).toBeGreaterThan(990);
    expect(tookMs).toBeLessThan(3000);
  });

  test("[L3] wait=0 and no wait answer at once; a terminal session does whatever the wait", async () => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    const none = await session.get();
    expect(none.headers).not.toHaveProperty("preference-applied");
    const zero = await timed(session.get("?wait=0"));
    expect(zero.answer.headers["preference-applied"]).toBe("wait=0");
    await session.post("cancel");
    const ended = await timed(session.get("?wait=55"));
    expect(ended.answer.body.status).toBe("canceled");
    expect(Math.max(zero.tookMs, ended.tookMs)).toBeLessThan(10_000);
  });

  test("[L4] expiry answers timeout at its moment, with no worker to record it", async () => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    await expire(deployment.core, session.sessionId, -2000);
    const { answer, tookMs } = await timed(session.get("?wait=30"));
    expect(answer.body).toMatchObject({ status: "timeout", terminal: true });
    expect(tookMs).toBeGreaterThan(1000);
    expect(tookMs).toBeLessThan(4500);
  });

  test("[L5] denied, canceled and used-up sessions answer a poll as confirmed ones do", async () => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment);
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    const ends = {
      canceled: (session: Awaited<ReturnType<typeof openSession>>) => session.post("loop", { index: 1, digit: "0" }),
      timeout: (session: Awaited<ReturnType<typeof openSession>>) => session.post("loop", { index: 4 }),
      denied: async (session: Awaited<ReturnType<typeof openSession>>) => {
        const { challenge } = await socket.ask("claim", { did: session.did });
        await socket.ask("deny", { proof: device.proof(challenge!, { dec: "deny" }) });
      },
    };
    for (const [status, end] of Object.entries(ends)) {
      const session = await openSession(deployment);
      const poll = session.get("?wait=20");
      await waitForPolls(deployment, 1);
      await end(session);
      expect((await poll).body.status).toBe(status);
    }
  });
});

describe("how long", () => {
  test.each([
    ["twilio", 10],
    ["nice", 60],
    ["genesys", 50],
    ["five9", 5],
    ["agent", 55],
    ["generic", 55],
  ])("[L6] %s bears %d seconds", async (provider, cap) => {
    const deployment = await fixture.start();
    const session = await openSession(deployment, { provider });
    await session.post("cancel");
    const applied = async (query: string, prefer?: string) =>
      (await session.get(query, prefer === undefined ? {} : { headers: { prefer } })).headers["preference-applied"];
    expect(await applied(`?wait=${cap + 1}`)).toBe(`wait=${cap}`);
    expect(await applied(`?wait=${cap - 1}`)).toBe(`wait=${cap - 1}`);
    expect(await applied("?wait=99999999999999999999999999")).toBe(`wait=${cap}`);
    expect(await applied("", "wait=600")).toBe(`wait=${cap}`);
  });

  test("[L6] the cap is the tenant's where it sets one", async () => {
    const providers = {
      genesys: { mode: "none", waitCapSeconds: 7 },
      generic: { mode: "none", waitCapSeconds: 0 },
    } as const;
    const deployment = await fixture.start({ tenants: [testTenant({ providers })] });
    for (const [provider, cap] of [
      ["genesys", 7],
      ["generic", 0],
      ["five9", 5],
    ] as const) {
      const session = await openSession(deployment, { provider });
      await session.post("cancel");
      expect((await session.get("?wait=80")).headers["preference-applied"]).toBe(`wait=${cap}`);
    }
  });

  test.each(["", "-1", "1.5", "1e1", "abc", "5s", "%205", "5%20", "+5", "0x5", "%00", "٥", "5&wait=6", "NaN", "null"])(
    "[L7] ?wait=%s is 400, whatever Prefer says",
    async (attacker) => {
      const deployment = await fixture.start();
      const session = await openSession(deployment);
      const answer = await session.get(`?wait=${attacker}`, { headers: { prefer: "wait=1" } });
      expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 400, code: "invalid_request" });
      expect(answer.body.errors).toEqual([{ pointer: "/wait", message: expect.any(String) }]);
    },
  );

  test.each([
    ["wait=3", "wait=3"],
    ["WAIT = 3", "wait=3"],
    ['wait="3"', "wait=3"],
    ["respond-async, wait=3", "wait=3"],
    ['note="a, wait=9", wait=3', "wait=3"],
    ["wait=3; foo=bar", "wait=3"],
    ["wait=3, wait=4", "wait=3"],
    [["handling=lenient", "wait=3"], "wait=3"],
    ["wait=x", undefined],
    ["wait=-3", undefined],
    ["wait=3.5", undefined],
    ["wait", undefined],
    ["wait=", undefined],
    ["waiting=3", undefined],
    ["respond-async; wait=3", undefined],
    ['note="wait=3"', undefined],
    ["wait=x, wait=3", undefined],
    [`${"x,".repeat(600)}wait=3`, undefined],
    [`${'\\"'.repeat(450)}, wait=`, undefined],
  ])("[L8] Prefer: %s applies as %s (RFC 7240)", async (prefer, applied) => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    await session.post("cancel");
    const answer = await session.get("", { headers: { prefer } });
    expect({ status: answer.status, applied: answer.headers["preference-applied"] }).toEqual({ status: 200, applied });
  });

  test("[L8] the query goes before Prefer", async () => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    await session.post("cancel");
    const answer = await session.get("?wait=4", { headers: { prefer: "wait=3" } });
    expect(answer.headers["preference-applied"]).toBe("wait=4");
  });
});

describe("what a poll leaves behind", () => {
  test("[L9] a poller that hangs up leaves no wait, no channel and no subscription", async () => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    const hangUps = Array.from({ length: 20 }, () => new AbortController());
    const polls = hangUps.map(({ signal }) => session.get("?wait=50", { signal }).catch(() => "hung up"));
    await waitForPolls(deployment, 20);
    const channels = async () => ((await fixture.core.admin.pubsub("CHANNELS", "*:status:*")) as string[]).length;
    expect(await channels()).toBe(1);
    for (const hangUp of hangUps) hangUp.abort();
    expect(new Set(await Promise.all(polls))).toEqual(new Set(["hung up"]));
    await waitForPolls(deployment, 0);
    await waitFor("the channel is left", async () => (await channels()) === 0);
    expect(await readMetric(deployment, deployment.gateway, "callseal_status_channels")).toBe(0);
  });

  test("[L9] a poll that was answered leaves nothing either", async () => {
    const deployment = await fixture.start();
    const session = await openSession(deployment);
    const poll = session.get("?wait=50");
    await waitForPolls(deployment, 1);
    await session.post("cancel");
    await poll;
    expect(await readMetric(deployment, deployment.gateway, "callseal_polls_waiting")).toBe(0);
    expect(await readMetric(deployment, deployment.gateway, "callseal_status_channels")).toBe(0);
  });
});
