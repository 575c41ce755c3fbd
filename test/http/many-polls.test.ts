import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession, type SessionActions } from "../support/open-session.ts";
import { readMetric, waitForPolls } from "../support/read-metric.ts";
import type { Answer } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useGateways();
const patient = () =>
  testTenant({ limits: { pollsPerMinutePerSession: 10_000_000, sessionsPerMinutePerKey: 1_000_000 } });

async function openMany(deployment: Deployment, count: number): Promise<SessionActions[]> {
  return await Promise.all(Array.from({ length: count }, () => openSession(deployment)));
}

async function subscribers(): Promise<{ id: string; channels: number }[]> {
  const list = (await fixture.core.admin.client("LIST")) as string;
  return list
    .split("\n")
    .filter((line) => line.includes(" name=callseal:subscriber "))
    .map((line) => ({ id: /^id=(\d+)/.exec(line)![1]!, channels: Number(/ sub=(\d+)/.exec(line)![1]) }));
}

/** A poll that missed its transition would have waited for its twenty seconds. */
const missedMs = 10_000;

const statuses = (answers: Answer[]) => [...new Set(answers.map((answer) => `${answer.status} ${answer.body.status}`))];

describe("many polls", () => {
  test("[L10] two thousand polls, of one session and of a thousand, hold one subscriber connection and all answer", async () => {
    const deployment = await fixture.start({ tenants: [patient()] });
    const popular = await openSession(deployment);
    const others = await openMany(deployment, 1000);
    const polls = [
      ...Array.from({ length: 1000 }, () => popular.get("?wait=55")),
      ...others.map((session) => session.get("?wait=55")),
    ];
    await waitForPolls(deployment, 2000);
    await waitFor("every channel is subscribed", async () => (await subscribers())[0]?.channels === 1001);
    expect(await subscribers()).toHaveLength(1);
    expect(await readMetric(deployment, deployment.gateway, "callseal_status_channels")).toBe(1001);

    await Promise.all([popular, ...others].map((session) => session.post("cancel")));
    expect(statuses(await Promise.all(polls))).toEqual(["200 canceled"]);
    await waitForPolls(deployment, 0);
    await waitFor("every channel is left", async () => (await subscribers())[0]?.channels === 0);
  }, 60_000);

  test("[L11] a gateway that stops answers its pollers first: two hundred pending documents, not one error", async () => {
    const deployment = await fixture.start({ gateways: 2, tenants: [patient()] });
    const session = await openSession(deployment);
    const polls = Array.from({ length: 200 }, () => session.get("?wait=55"));
    await waitForPolls(deployment, 200);
    const startedAt = performance.now();
    const closed = deployment.gateway.close();
    const answers = await Promise.all(polls);
    expect(performance.now() - startedAt).toBeLessThan(4000);
    expect(statuses(answers)).toEqual(["200 pending"]);
    await closed;
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  test("[L12] polls outlive their subscriber connection: killed in mid-wait, they answer what happened meanwhile", async () => {
    const deployment = await fixture.start({ gateways: 2, tenants: [patient()], allowErrors: true });
    const [, b] = deployment.gateways;
    const sessions = await openMany(deployment, 50);
    const polls = sessions.map((session) => session.get("?wait=55"));
    await waitForPolls(deployment, 50);
    const before = await subscribers();
    expect(before).toHaveLength(2);
    for (const { id } of before) await fixture.core.admin.client("KILL", "ID", id);
    // Some end while nobody listens, some when the subscription is back.
    const viaB = (session: SessionActions) => session.post("cancel", undefined, b);
    await Promise.all(sessions.slice(0, 25).map(viaB));
    await waitFor("the subscribers are back", async () => {
      const now = await subscribers();
      return now.length === 2 && now.every(({ id }) => before.every((old) => old.id !== id));
    });
    await Promise.all(sessions.slice(25).map(viaB));
    expect(statuses(await Promise.all(polls))).toEqual(["200 canceled"]);
  }, 30_000);
});

describe("the race between a poll and the end of its session", () => {
  test("[L13] three thousand polls opened before, during and after the transition miss none of them", async () => {
    const deployment = await fixture.start({ gateways: 2, tenants: [patient()] });
    const [a, b] = deployment.gateways;
    let left = 3000;
    const slowest = { ms: 0 };
    const outcomes = new Map<string, number>();
    const attempt = async (turn: number) => {
      const session = await openSession(deployment, {}, turn % 2 === 0 ? a : b);
      const order = turn % 3;
      const poll = () => session.get("?wait=20");
      const startedAt = performance.now();
      const early = order === 0 ? poll() : undefined;
      // Spread over the time that a poll takes to be opened, so that some fall between any two of its steps.
      if (order === 0) await delay(turn % 40);
      // The transition goes to the other gateway than the poll in half of the turns.
      const canceled = session.post("cancel", undefined, turn % 4 < 2 ? a : b);
      const answer = early ?? (order === 1 ? poll() : canceled.then(poll));
      const { status } = (await answer).body;
      await canceled;
      slowest.ms = Math.max(slowest.ms, performance.now() - startedAt);
      outcomes.set(status, (outcomes.get(status) ?? 0) + 1);
    };
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        while (left > 0) await attempt(left--);
      }),
    );
    expect(Object.fromEntries(outcomes)).toEqual({ canceled: 3000 });
    expect(slowest.ms).toBeLessThan(missedMs);
  }, 120_000);

  test("[L13] three hundred confirmations at one gateway reach the polls at the other", async () => {
    const deployment = await fixture.start({ gateways: 2, tenants: [patient()] });
    const [a, b] = deployment.gateways;
    const devices = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const device = await enrolDevice(deployment);
        return { device, socket: await openDeviceSocket(fixture, a!, device) };
      }),
    );
    const answers: Answer[] = [];
    await Promise.all(
      devices.map(async ({ device, socket }) => {
        for (let turn = 0; turn < 30; turn += 1) {
          const session = await openSession(deployment, {}, b);
          const { challenge } = await socket.ask("claim", { did: session.did });
          const startedAt = performance.now();
          const early = turn % 2 === 0 ? session.get("?wait=20") : undefined;
          const confirmed = socket.ask("confirm", { proof: device.proof(challenge!, { did: session.did }) });
          answers.push(await (early ?? session.get("?wait=20")));
          expect((await confirmed).ok).toBe(true);
          expect(performance.now() - startedAt).toBeLessThan(missedMs);
        }
      }),
    );
    expect({ polls: answers.length, statuses: statuses(answers) }).toEqual({
      polls: 300,
      statuses: ["200 confirmed"],
    });
  }, 60_000);
});
